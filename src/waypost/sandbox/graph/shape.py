"""The three questions every check of a Graph body asks of a parameter: object, text or list."""

from typing import Any

from waypost.sandbox.graph.errors import invalid, malformed, missing


def an_object(parent: dict[str, Any], name: str, *, at: str) -> dict[str, Any]:
    """Return a required JSON object; raise 131008 or 100."""
    value = parent.get(name)
    if value is None:
        raise missing(at)
    if not isinstance(value, dict):
        raise malformed(f"Param {at} must be a JSON object.")
    return value


def a_text(
    parent: dict[str, Any], name: str, *, at: str, chars_max: int | None = None, is_required: bool = True
) -> str | None:
    """Return a non-empty text of at most `chars_max` characters, or None; raise 131008, 100 or 131009."""
    value = parent.get(name)
    if value is None:
        if is_required:
            raise missing(at)
        return None
    if not isinstance(value, str):
        raise malformed(f"Param {at} must be a string.")
    if is_required and not value.strip():
        raise missing(at)
    if chars_max is not None and len(value) > chars_max:
        raise invalid(f"Param {at} must be at most {chars_max} characters long.")
    return value


def a_list(parent: dict[str, Any], name: str, *, at: str, least: int, most: int) -> list[Any]:
    """Return a list of `least` to `most` elements; raise 131008, 100 or 131009."""
    value = parent.get(name)
    if value is None:
        raise missing(at)
    if not isinstance(value, list):
        raise malformed(f"Param {at} must be an array.")
    if not least <= len(value) <= most:
        raise invalid(f"Param {at} must hold {least} to {most} elements, not {len(value)}.")
    return value
