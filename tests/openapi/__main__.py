"""
The long form of the test: `python -m tests.openapi --examples 500 --seed 7`; `make fuzz` is that with its defaults.

The exit code is that of schemathesis: 0 when every answer was as the OpenAPI document says.
"""

import argparse
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.openapi.house import open_house
from tests.openapi.run import fuzz

from waypost.observe.logs import configure_logging

HOURS_MAX = 6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.openapi", description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--examples", type=int, default=300, help="most requests of an operation; default 300")
    parser.add_argument("--report", type=Path, help="keep the report in this file")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="default: a new one each time")
    options = parser.parse_args()
    configure_logging(level="error")
    sys.stdout.write(f"examples {options.examples}, seed {options.seed}\n")
    with tempfile.TemporaryDirectory() as directory, open_house(Path(directory)) as house:
        run = fuzz(
            house, Path(directory), examples=options.examples, seed=options.seed, seconds_max=HOURS_MAX * 60 * 60
        )
    sys.stdout.write(run.output)
    if options.report is not None:
        options.report.write_text(json.dumps(run.report), encoding="utf-8")
    return run.code


if __name__ == "__main__":
    sys.exit(main())
