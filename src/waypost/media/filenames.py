"""
What a file may be called: a customer's or a stranger's text made harmless, and found where a server says it.

A name is only ever data: it never becomes a path, and is sent on only in an encoded form.
"""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

FILENAME_CHARACTERS_MAX = 240

# RFC 6266: `filename*` is UTF-8 in percent escapes and wins over `filename`, which is quoted or a bare token.
_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r"(?:^|;)\s*filename\s*=\s*\"((?:[^\"\\]|\\.)*)\"", re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|;)\s*filename\s*=\s*([^;\s\"]+)", re.IGNORECASE)
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def safe_filename(text: str) -> str | None:
    """
    Return the last part of a name without what could mislead: paths, control and direction marks, leading dots.

    At most 240 characters, the ending kept; None when nothing is left. A second call changes nothing.
    """
    last = re.split(r"[/\\]", _NEVER.sub("", unicodedata.normalize("NFC", text)))[-1].strip().lstrip(".").strip()
    if len(last) > FILENAME_CHARACTERS_MAX:
        stem, dot, ending = last.rpartition(".")
        kept = dot + ending if stem and len(ending) <= 10 else ""
        last = last[: FILENAME_CHARACTERS_MAX - len(kept)] + kept
    return last or None


def name_of_url(url: str) -> str | None:
    """Return the last segment of the URL's path as a safe name, or None when the path ends in a slash."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return safe_filename(unquote(path.rpartition("/")[2]))


def name_of_disposition(value: str) -> str | None:
    """Return the safe name that a Content-Disposition header gives, or None."""
    if extended := _EXTENDED.search(value):
        return safe_filename(unquote(extended[1], errors="replace"))
    if quoted := _QUOTED.search(value):
        return safe_filename(re.sub(r"\\(.)", r"\1", quoted[1]))
    token = _TOKEN.search(value)
    return safe_filename(unquote(token[1], errors="replace")) if token else None
