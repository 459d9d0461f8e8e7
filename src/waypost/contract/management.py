"""Requests that manage sources and switch webhooks (contract, sections 5 and 6)."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from waypost.contract.checks import optional_text, required_choice, required_id, required_text
from waypost.contract.decoding import JsonObject, decode_object
from waypost.contract.errors import ContractRefusal, RefusedError, is_invalid
from waypost.domain.address import normalise_business_number
from waypost.domain.value import value

NAME_CHARACTERS_MAX: Final = 255

_PROVIDER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Provider ids become parts of URLs, so nothing that means something there may stand in them."""

CREDENTIAL: Final = re.compile(r"[!-~]{1,4096}")
"""Tokens become header values: visible ASCII and nothing else."""


@value
class SourceMembers:
    """
    What a source request says; None: not said.

    ``phone_number`` is digits. A creation says everything but ``app_secret`` and ``is_default``.
    """

    name: str | None = None
    phone_number: str | None = None
    phone_number_id: str | None = None
    waba_id: str | None = None
    access_token: str | None = None
    app_secret: str | None = None
    is_default: bool | None = None


@value
class WebhookSwitch:
    """A request to switch one webhook on or off."""

    kind: Literal["incoming", "event"]
    webhook_name: str
    status: Literal["enable", "disable"]


def parse_source_creation(body: bytes) -> SourceMembers | ContractRefusal:
    """Return a new source with all its required members, or why it is refused."""
    try:
        request = decode_object(body)
        return _members({member: parse(request, member) for member, parse in _REQUIRED.items()}, request)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_source_change(body: bytes) -> SourceMembers | ContractRefusal:
    """Return the members to change, each under the same rules as at creation, or why the request is refused."""
    try:
        request = decode_object(body)
        given = {member: parse(request, member) for member, parse in _REQUIRED.items() if member in request}
        return _members(given, request)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def _members(given: dict[str, str], request: JsonObject) -> SourceMembers:
    app_secret = optional_text(request, "app_secret")
    if app_secret is not None and not CREDENTIAL.fullmatch(app_secret):
        raise RefusedError(is_invalid("app_secret"))
    is_default: Any = request.get("default")
    if is_default is not None and type(is_default) is not bool:
        raise RefusedError(is_invalid("default"))
    return SourceMembers(
        name=given.get("name"),
        phone_number=given.get("phone_number"),
        phone_number_id=given.get("phone_number_id"),
        waba_id=given.get("waba_id"),
        access_token=given.get("access_token"),
        app_secret=app_secret,
        is_default=is_default,
    )


def _name(request: JsonObject, member: str) -> str:
    return required_text(request, member, at_most=NAME_CHARACTERS_MAX)


def _phone_number(request: JsonObject, member: str) -> str:
    digits = normalise_business_number(required_id(request, member))
    if digits is None:
        raise RefusedError(is_invalid(member))
    return digits


def _provider_id(request: JsonObject, member: str) -> str:
    text = required_id(request, member)
    if not _PROVIDER_ID.fullmatch(text):
        raise RefusedError(is_invalid(member))
    return text


def _secret(request: JsonObject, member: str) -> str:
    text = required_text(request, member)
    if not CREDENTIAL.fullmatch(text):
        raise RefusedError(is_invalid(member))
    return text


_REQUIRED: Final[Mapping[str, Callable[[JsonObject, str], str]]] = MappingProxyType(
    {
        "name": _name,
        "phone_number": _phone_number,
        "phone_number_id": _provider_id,
        "waba_id": _provider_id,
        "access_token": _secret,
    }
)


def parse_webhook_switch(body: bytes) -> WebhookSwitch | ContractRefusal:
    """Return which webhook to switch and how, or why the request is refused."""
    try:
        request = decode_object(body)
        return WebhookSwitch(
            kind=cast("Literal['incoming', 'event']", required_choice(request, "type", ("incoming", "event"))),
            webhook_name=required_text(request, "webhook_name"),
            status=cast("Literal['enable', 'disable']", required_choice(request, "status", ("enable", "disable"))),
        )
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)
