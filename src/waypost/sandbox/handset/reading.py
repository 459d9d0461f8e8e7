"""Reading what a business wrote: any member may be missing or of another shape, and nothing here raises for it."""

from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]
# Given a kind (image, video, …) and its object with `id` or `link`: where the page gets the file, or None.
MediaOf = Callable[[str, Any], Spec | None]


def text_at(value: Any, *path: str) -> str:
    """Return the text at a path of members; numbers as text, anything else as ''."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def object_at(value: Any, *path: str) -> Spec:
    """Return the object at a path of members; anything else is an empty one."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects_at(value: Any, *path: str) -> list[Spec]:
    """Return the objects in the list at a path of members; what is no object is left out."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
