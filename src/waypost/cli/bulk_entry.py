"""What a bulk send sends: the contract's entry without recipient, from the options of a command."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.contract.bulk_entries import template_entry, text_entry


def build_entry(
    *, text: str | None, template: str | None, language: str, attributes: Sequence[str], entry_file: Path | None
) -> dict[str, Any]:
    """Return the entry of a text, of a template whose parameters are columns, or of a file. One of them is given."""
    if entry_file is not None:
        return _read(entry_file)
    if template is None:
        return text_entry(text or "")
    return template_entry(template, language=language, columns=attributes)


def _read(path: Path) -> dict[str, Any]:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} is not JSON in UTF-8: {error}") from error
    if not isinstance(entry, dict):
        raise CommandFailure(ExitCode.USAGE, f"{path} holds no object.", hint="docs/bulk.md has an example.")
    return entry
