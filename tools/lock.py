"""
Resolve the dependencies of pyproject.toml into requirements/*.lock, for every platform, with hashes.

Versions that are locked stay as they are where they still fit; `--upgrade` takes the newest of each.
"""

import argparse
import subprocess
import sys

from tools.environment import ROOT

_GROUPS = {"run": "build", "dev": "dev"}


def main(arguments: list[str]) -> int:
    """Write both lock files; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description="Resolve the dependencies.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest version of everything")
    options = parser.parse_args(arguments)
    for name, group in _GROUPS.items():
        # No header, no annotations and no index: nothing about the machine that resolved gets into the file.
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
        command += ["--upgrade"] if options.upgrade else []
        command += ["--no-annotate", "pyproject.toml", "--group", group, "-o", f"requirements/{name}.lock"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code != 0:
            return code
        print(f"wrote requirements/{name}.lock")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
