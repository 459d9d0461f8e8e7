"""The browser that tests and screenshots use: Debian's Chromium, best without its windows."""

import os
import shutil
from typing import Final

PACKAGES: Final = ("chromium-headless-shell", "chromium")
"""Debian's, named as their programs are. The first is the engine of the second without windows, in half of the time."""


class ChromiumMissingError(RuntimeError):
    """There is no Chromium; the message says what to do about it."""


def find_chromium() -> str:
    """
    Return the path of the browser: ``TEST_CHROMIUM``, or else the first that is found.

    Raises:
        ChromiumMissingError: there is none.
    """
    found = os.environ.get("TEST_CHROMIUM") or next(filter(None, map(shutil.which, PACKAGES)), None)
    if found is None:
        raise ChromiumMissingError(f"Chromium is missing. Install it: apt-get install {PACKAGES[0]} (or {PACKAGES[1]})")
    return found
