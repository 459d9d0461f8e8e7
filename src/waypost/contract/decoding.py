"""From bytes to JSON values, within bounds: whatever else arrives counts as malformed."""

from typing import Any, Final

import orjson

from waypost.contract.errors import PARAMETER_MISSING, RefusedError

DEPTH_MAX: Final = 32
"""How deep arrays and objects may nest. The deepest valid request, a carousel passed through, needs 15."""

JsonObject = dict[str, Any]


def decode(body: bytes) -> Any:
    """
    Return the JSON value of a request body.

    Raises:
        RefusedError: 8001 for anything that is not JSON in UTF-8, nests deeper than 32, holds a lone surrogate, NaN or
            an infinity, or holds a NUL character, which PostgreSQL cannot store.

    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusedError(PARAMETER_MISSING) from None
    # The number of opening brackets bounds the depth and costs a tenth of a microsecond; most requests end here.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _is_too_deep(value):
        raise RefusedError(PARAMETER_MISSING)
    if b"\\u0000" in body and "\x00" in _all_text(value):
        raise RefusedError(PARAMETER_MISSING)
    return value


def decode_object(body: bytes) -> JsonObject:
    """Return the members of a body that is an object; of any other JSON value, no members at all."""
    value = decode(body)
    return value if type(value) is dict else {}


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [child for child in _children(level) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _all_text(value: Any) -> str:
    found: list[str] = []
    level = [value]
    while level:
        for item in level:
            if isinstance(item, dict):
                found.extend(item)
            elif isinstance(item, str):
                found.append(item)
        level = _children(level)
    return "".join(found)


def _children(level: list[Any]) -> list[Any]:
    """Return everything one step further in, without recursion."""
    below: list[Any] = []
    for item in level:
        if isinstance(item, dict):
            below.extend(item.values())
        elif isinstance(item, list):
            below.extend(item)
    return below
