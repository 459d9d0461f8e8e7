"""The browser that tests and screenshots use: Debian's Chromium, best without its windows."""

import os
import shutil
from typing import Final

PACKAGE: Final = "chromium-headless-shell"
"""The same engine as the whole browser, at under half of its processor time."""
_PROGRAMS: Final = (PACKAGE, "chromium")


class ChromiumMissingError(RuntimeError):
    """There is no Chromium; the message says what to do about it."""


def find_chromium() -> str:
    """
    Return the path of the browser: ``WAYPOST_TEST_CHROMIUM``, or else the first that is found.

    Raises:
        ChromiumMissingError: there is none.
    """
    found = os.environ.get("WAYPOST_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise ChromiumMissingError(f"Chromium is missing. Install it: apt-get install {PACKAGE}")
    return found
