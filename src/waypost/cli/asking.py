"""Turning options into the requests that the manage API takes too, so that both keep the same rules."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from waypost.cli.exits import CommandFailure, ExitCode

Model = TypeVar("Model", bound=BaseModel)

UNSET: Final = object()
"""Given for a member that is to be null, where None would mean that the option was left out."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def build_request(model: type[Model], /, **members: Any) -> Model:
    """Return the request; options left out (None) are left out of it. Raises ``CommandFailure``, one line a fault."""
    values = {name: None if value is UNSET else value for name, value in members.items() if value is not None}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{_option(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults]
        raise CommandFailure(ExitCode.USAGE, "; ".join(lines), hint="See --help of this command.") from error


def read_secret(*, option: str, variable: str, prompt: str, is_required: bool) -> str | None:
    """
    Return a secret: from the environment, from a pipe (its first line), or typed unseen at the terminal.

    Secrets are no options: command lines are seen by all users of a machine and kept in histories.
    """
    given = os.environ.get(variable)
    if given:
        return given
    if not is_required:
        return None
    if sys.stdin.isatty():
        import getpass  # noqa: PLC0415

        return getpass.getpass(f"{prompt}: ") or None
    line = sys.stdin.readline().strip()
    if line:
        return line
    raise CommandFailure(
        ExitCode.USAGE,
        f"{option}: not given.",
        hint=f"Set {variable}, or give it on standard input: waypost ... < token.txt",
    )


def parse_moment(text: str | None, *, option: str, now: datetime | None = None) -> datetime | None:
    """
    Return a time: RFC 3339, or back from now such as ``90m``, ``24h``, ``7d``; None for None.

    A time without offset is UTC.
    """
    if text is None:
        return None
    try:
        if text[:-1].isdecimal() and text[-1:] in _UNITS:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CommandFailure(
            ExitCode.USAGE, f"{option}: `{text}` is no time.", hint="Such as 2031-03-04T09:15:00Z, or 24h, or 7d."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _option(place: Iterable[object]) -> str:
    names = [str(part).replace("_", "-") for part in place if isinstance(part, str)]
    return "--" + names[0] if names else "options"
