"""`python -m tests.crash --kills 60 --seed 7`: kill the demo that often, and print what was found."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.crash.trial import TrialPlan, new_seed, run_trial


def main() -> int:
    """Run one trial; the exit code is 1 if a claim was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument(
        "--seed", type=int, default=new_seed(), help="replays the moments of the kills; default: a new one"
    )
    parser.add_argument("--rate", type=float, default=60.0, help="messages a second that the clients aim at")
    parser.add_argument("--directory", type=Path, help="keep all files of the trial here; default: a temporary one")
    given = parser.parse_args()
    directory = given.directory or Path(tempfile.mkdtemp(prefix="waypost-crash-"))
    sys.stdout.write(f"seed {given.seed}, files in {directory}\n")
    sys.stdout.flush()
    plan = TrialPlan(kills=given.kills, seed=given.seed, rate_per_second=given.rate)
    report = asyncio.run(run_trial(plan, directory))
    sys.stdout.write(report.table() + "\n")
    return 1 if report.findings.violations() else 0


sys.exit(main())
