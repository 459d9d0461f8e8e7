"""What was typed into a form: as it was typed, so that a page can show it again and no rule is applied twice."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

_MORE: Final = "more"
Members = dict[str, Any]


class Typed:
    """
    The fields of a form by name, in order.

    Line ends are single line feeds, as in JSON, not those of forms. A name that was not sent has nothing typed into it.
    """

    def __init__(self, fields: Iterable[tuple[str, Any]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            if isinstance(value, str):
                self._fields.setdefault(name, []).append(value.replace("\r\n", "\n"))

    def replaced(self, changes: Mapping[str, str]) -> "Typed":
        """Return the same with these fields given anew."""
        kept = [(name, value) for name, values in self._fields.items() if name not in changes for value in values]
        return Typed([*kept, *changes.items()])

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a field as it was typed, ``otherwise`` if it was not sent."""
        return self._fields.get(name, [otherwise])[0]

    def line(self, name: str, otherwise: str = "") -> str:
        """Return a field of one line without white space around it."""
        return self.text(name, otherwise).strip()

    def lines(self, name: str) -> list[str]:
        """Return a field that stands several times, each without white space around it."""
        return [value.strip() for value in self._fields.get(name, [])]

    def item(self, name: str, place: int) -> str:
        """Return a field that stands several times, by its place; ``""`` beyond the last."""
        values = self._fields.get(name, [])
        return values[place] if place < len(values) else ""

    def is_checked(self, name: str) -> bool:
        """Say whether a box was ticked."""
        return name in self._fields

    def count(self, name: str, *, at_least: int, at_most: int) -> int:
        """Return how often a repeated field is to be shown: as often as sent, and once more if that was asked for."""
        asked = len(self._fields.get(name, [])) + (1 if self.text(_MORE) == name else 0)
        return min(at_most, max(at_least, asked))


def given(**members: Any) -> Members:
    """Return the members that hold something."""
    return {name: value for name, value in members.items() if value not in ("", None, [], {})}


def as_number(text: str) -> float | int | str:
    """Return what was typed as a number; what is none stays as it is, for the contract to judge."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if type(found) in (int, float) else text


def as_json(text: str) -> Any:
    """Return what was typed as JSON; what is none stays a text, for the contract to judge."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
