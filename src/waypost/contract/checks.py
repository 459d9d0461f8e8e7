"""
Checks of single members, each with the contract's exact error.

One rule runs through all of them: a required member that is absent is 8001, one that is null or blank is 8006
``<member> cannot be null or blank``, and an optional member that is null counts as absent (contract, section 2.4).
Every function takes the object that holds the member and the member's name, and raises ``RefusedError``.
"""

from collections.abc import Mapping
from typing import Any, Final

from waypost.contract.decoding import JsonObject
from waypost.contract.errors import (
    PARAMETER_MISSING,
    ContractError,
    RefusedError,
    can_only_be,
    cannot_be_blank,
    is_invalid,
    only_one_entry,
    too_many_characters,
    too_many_entries,
)
from waypost.domain.address import AddressFault, normalise_recipient

INTEGER_MAX: Final = 2.0**63
"""JSON integers well beyond this arrive as floats and have lost digits."""


def is_blank(value: Any) -> bool:
    """Say whether a value is null or a text without a visible character."""
    return value is None or (type(value) is str and (not value or value.isspace()))


def as_text(value: Any) -> Any:
    """Return an integer as its digits, and everything else, booleans too, as it is."""
    return str(value) if type(value) is int else value


def as_recipient(value: Any, errors: Mapping[AddressFault, ContractError]) -> str:
    """Return the digits of a recipient given as a text or a JSON integer, or raise one of ``errors``."""
    if type(value) is str:
        recipient = normalise_recipient(value)
    elif type(value) is int:
        recipient = normalise_recipient(str(value))
    else:
        # A JSON integer that does not fit 64 bits arrives as a float; it was digits, only too many of them.
        is_long = type(value) is float and value > INTEGER_MAX
        recipient = AddressFault.TOO_LONG if is_long else AddressFault.NOT_NUMERIC
    if isinstance(recipient, AddressFault):
        raise RefusedError(errors[recipient])
    return recipient


def required(holder: JsonObject, member: str) -> Any:
    """Return a value that must be there and be neither null nor blank, of whatever type."""
    value = holder.get(member)
    if is_blank(value):
        raise RefusedError(cannot_be_blank(member) if member in holder else PARAMETER_MISSING)
    return value


def required_text(holder: JsonObject, member: str, *, at_most: int | None = None) -> str:
    """Return a text that is not blank, of ``at_most`` characters."""
    value = required(holder, member)
    if type(value) is not str:
        raise RefusedError(is_invalid(member))
    if at_most is not None and len(value) > at_most:
        raise RefusedError(too_many_characters(member, at_most))
    return value


def required_id(holder: JsonObject, member: str, *, at_most: int | None = None) -> str:
    """Return a text that is not blank, of ``at_most`` characters; a JSON integer is taken for its digits."""
    value = as_text(required(holder, member))
    if type(value) is not str:
        raise RefusedError(is_invalid(member))
    if at_most is not None and len(value) > at_most:
        raise RefusedError(too_many_characters(member, at_most))
    return value


def optional_text(holder: JsonObject, member: str, *, at_most: int | None = None) -> str | None:
    """Return a text of ``at_most`` characters, or None when it is absent, null or ``""``."""
    value = holder.get(member)
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise RefusedError(is_invalid(member))
    if at_most is not None and len(value) > at_most:
        raise RefusedError(too_many_characters(member, at_most))
    return value


def required_choice(holder: JsonObject, member: str, choices: tuple[str, ...]) -> str:
    """Return one of a closed set of words, compared exactly."""
    value = required(holder, member)
    if type(value) is not str or value not in choices:
        raise RefusedError(can_only_be(member, choices))
    return value


def required_object(holder: JsonObject, member: str) -> JsonObject:
    """Return an object."""
    value = required(holder, member)
    if type(value) is not dict:
        raise RefusedError(is_invalid(member))
    return value


def only_object(holder: JsonObject, member: str) -> JsonObject:
    """
    Return the one object of an array of one; a bare object counts as such an array (contract, section 2.3).

    An empty array is 8001, several elements are 8006 ``<member> can contain only one entry``.
    """
    value = required(holder, member)
    if type(value) is list:
        if not value:
            raise RefusedError(PARAMETER_MISSING)
        if len(value) > 1:
            raise RefusedError(only_one_entry(member))
        value = value[0]
        if value is None:
            raise RefusedError(cannot_be_blank(member))
    if type(value) is not dict:
        raise RefusedError(is_invalid(member))
    return value


def required_objects(holder: JsonObject, member: str, *, at_most: int) -> list[JsonObject]:
    """Return 1 to ``at_most`` objects; an empty array is 8001."""
    value = required(holder, member)
    if type(value) is list and not value:
        raise RefusedError(PARAMETER_MISSING)
    return _objects(value, member, at_most=at_most)


def optional_objects(holder: JsonObject, member: str, *, at_most: int) -> list[JsonObject]:
    """Return up to ``at_most`` objects; none when the member is absent or null."""
    value = holder.get(member)
    return [] if value is None else _objects(value, member, at_most=at_most)


def _objects(value: Any, member: str, *, at_most: int) -> list[JsonObject]:
    if type(value) is not list or not all(type(item) is dict for item in value):
        raise RefusedError(is_invalid(member))
    if len(value) > at_most:
        raise RefusedError(too_many_entries(member, at_most))
    return value
