"""
Install what the tests need and run every check: what `make test` and the CI do.

The last line of the output is `N passed, N failed in S s`; the exit code is 0 only when every step was good. The same
line is left in `var/test/summary`.
"""

import argparse
import subprocess
import sys

from tools.environment import ROOT, SetupError, ensure_environment, environment_variables


def main(arguments: list[str]) -> int:
    """Fill the environment, then hand over to `tools.verify` inside it."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.test", description="Run every check and test.")
    parser.add_argument("--quick", action="store_true", help="leave out the long stories and coverage")
    options = parser.parse_args(arguments)
    try:
        binaries = ensure_environment("dev")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    command = [str(binaries / "python"), "-m", "tools.verify", *(["--quick"] if options.quick else [])]
    return subprocess.run(command, cwd=ROOT, env=environment_variables(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
