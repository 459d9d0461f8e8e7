"""Resolve the dependencies of pyproject.toml again into requirements/*.lock, for every platform, with hashes."""

import subprocess
import sys

from tools.environment import ROOT

_GROUPS = {"run": "build", "dev": "dev"}


def main() -> int:
    """Write both lock files; return the exit code."""
    for name, group in _GROUPS.items():
        # No header, no annotations and no index: nothing about the machine that resolved gets into the file.
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--upgrade", "--generate-hashes", "--no-header"]
        command += ["--no-annotate", "pyproject.toml", "--group", group, "-o", f"requirements/{name}.lock"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code != 0:
            return code
        print(f"wrote requirements/{name}.lock")
    return 0


if __name__ == "__main__":
    sys.exit(main())
