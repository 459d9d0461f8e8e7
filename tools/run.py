"""
Run a command in this checkout's virtual environment, which is made and filled first.

    python3 -m tools.run demo                                the command line of Waypost
    python3 -m tools.run --with-tests -- python -m benchmarks   any program of the environment
"""

import os
import sys

from tools.environment import ROOT, SetupError, ensure_environment, environment_variables


def main(arguments: list[str]) -> int:
    """Replace this process with the command; return only when that is not possible."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print((__doc__ or "").strip())
        return 0 if arguments else 2
    with_tests = arguments[0] == "--with-tests"
    command = arguments[1:] if with_tests else arguments
    command = command[1:] if command[:1] == ["--"] else ["waypost", *command]
    try:
        binaries = ensure_environment("dev" if with_tests else "run")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    # The program takes this process's place, so that signals and the exit code are its own.
    os.execve(binaries / command[0], command, environment_variables())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
