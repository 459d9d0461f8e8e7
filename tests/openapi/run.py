"""One run of schemathesis over the whole OpenAPI document, and what came of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.openapi.house import OpenHouse

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = 118
STORIES_PER_EXAMPLE = 15


@dataclass(frozen=True, kw_only=True)
class Run:
    """How it ended: the exit code, what was printed, and the report that the program wrote."""

    code: int
    output: str
    report: dict[str, Any]


def fuzz(house: OpenHouse, directory: Path, *, examples: int, seconds_max: float, seed: int = SEED) -> Run:
    """
    Make requests of every operation, by itself and as stories that follow the document's links.

    Args:
        house: whom to ask.
        directory: for the report.
        examples: most made-up requests of an operation; a number of stories goes with it.
        seconds_max: a hang ends here.
        seed: the same seed and document make the same requests, but for ids that the gateway draws.

    """
    report, config = directory / "report.json", directory / "schemathesis.toml"
    stories = f"generation.max-examples = {examples * STORIES_PER_EXAMPLE}"
    config.write_text(CONFIG.read_text(encoding="utf-8").replace("generation.max-examples = 1", stories))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={config}",
        "run",
        f"{house.url}/openapi.json",
        f"--header=Authorization: Bearer {house.key}",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--continue-on-failure",
        "--no-shrink",
        "--report=json",
        f"--report-json-path={report}",
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.openapi.hooks",
        "PYTHONPATH": str(CONFIG.parents[2]),
        "WAYPOST_TEST_OWN_IDS": ",".join(house.own_ids),
        "NO_COLOR": "1",
        "COLUMNS": "160",
    }
    ended = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds_max,
        check=False,
    )
    found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    return Run(code=ended.returncode, output=ended.stdout + ended.stderr, report=found)
