"""Consent requests: check, manage, blocklist (contract, section 3)."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final

from waypost.contract.checks import as_recipient, as_text, is_blank, optional_text
from waypost.contract.decoding import JsonObject, decode_object
from waypost.contract.errors import (
    BLOCKLIST_TYPE_INVALID,
    CONSENT_PARAMETER_MISSING,
    CONSENT_RECIPIENT_ERRORS,
    CONSENT_RECIPIENTS_REQUIRED,
    CONSENT_SOURCE_EMPTY,
    CONSENT_SOURCE_TOO_LONG,
    CONSENT_TYPE_INVALID,
    CONSENT_TYPE_REQUIRED,
    ContractError,
    ContractRefusal,
    FailedRecipient,
    RefusedError,
    is_invalid,
    too_many_entries,
)
from waypost.domain.address import AddressFault, normalise_recipient
from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.domain.value import value

RECIPIENTS_MAX: Final = 1000
SOURCE_CHARACTERS_MAX: Final = 25
USER_AGENT_CHARACTERS_MAX: Final = 500

_CONSENT_ACTIONS: Final = MappingProxyType({"optin": ConsentAction.OPTIN, "optout": ConsentAction.OPTOUT})
_BLOCKLIST_ACTIONS: Final = MappingProxyType(
    {"blocklist": ConsentAction.BLOCKLIST, "whitelist": ConsentAction.WHITELIST}
)


@value
class ConsentChange:
    """
    What a manage or blocklist call asks for.

    ``evidence`` has the recipients that can be recorded, with their 0-based places in the request; ``failed`` those
    that cannot, likewise. Together they are all ``recipients_count`` of the request. ``failed`` is empty when the
    request names a single recipient: its fault refuses the request.
    """

    action: ConsentAction
    recipients_count: int
    evidence: tuple[tuple[int, ConsentEvidence], ...]
    failed: tuple[tuple[int, FailedRecipient], ...]


def parse_consent_check(body: bytes) -> str | ContractRefusal:
    """
    Return the number that a consent check asks for.

    Digits without ``+`` when it is a valid recipient, else the text as it came: nothing is known of such a number.
    """
    try:
        phone_number = as_text(decode_object(body).get("phone_number"))
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)
    if type(phone_number) is not str or is_blank(phone_number):
        return ContractRefusal(error=CONSENT_PARAMETER_MISSING)
    digits = normalise_recipient(phone_number)
    return phone_number if isinstance(digits, AddressFault) else digits


def parse_consent_manage(body: bytes) -> ConsentChange | ContractRefusal:
    """Return the opt-ins or opt-outs that a request asks for, or why it is refused as a whole."""
    return _parse_change(body, actions=_CONSENT_ACTIONS, wrong_type=CONSENT_TYPE_INVALID)


def parse_blocklist(body: bytes) -> ConsentChange | ContractRefusal:
    """Return the blocks, or lifts of blocks, that a request asks for, or why it is refused as a whole."""
    return _parse_change(body, actions=_BLOCKLIST_ACTIONS, wrong_type=BLOCKLIST_TYPE_INVALID)


def parse_recipients(
    elements: Sequence[Any],
) -> tuple[list[tuple[int, ConsentEvidence]], list[tuple[int, FailedRecipient]]]:
    """Return those of a request's recipients that can be recorded, and those that cannot, with their 0-based places."""
    evidence: list[tuple[int, ConsentEvidence]] = []
    failed: list[tuple[int, FailedRecipient]] = []
    for index, element in enumerate(elements):
        try:
            evidence.append((index, _parse_evidence(element)))
        except RefusedError as refused:
            failed.append((index, FailedRecipient(recipient=_as_written(element), error=refused.error)))
    return evidence, failed


def _parse_change(
    body: bytes, *, actions: Mapping[str, ConsentAction], wrong_type: ContractError
) -> ConsentChange | ContractRefusal:
    try:
        request = decode_object(body)
        action = _parse_action(request, actions=actions, wrong_type=wrong_type)
        recipients = _parse_recipients(request)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)
    evidence, failed = parse_recipients(recipients)
    if failed and len(recipients) == 1:
        return ContractRefusal(error=failed[0][1].error)
    return ConsentChange(
        action=action, recipients_count=len(recipients), evidence=tuple(evidence), failed=tuple(failed)
    )


def _parse_action(
    request: JsonObject, *, actions: Mapping[str, ConsentAction], wrong_type: ContractError
) -> ConsentAction:
    word = request.get("type")
    if is_blank(word):
        raise RefusedError(CONSENT_TYPE_REQUIRED)
    action = actions.get(word) if type(word) is str else None
    if action is None:
        raise RefusedError(wrong_type)
    return action


def _parse_recipients(request: JsonObject) -> list[Any]:
    recipients = request.get("recipients")
    if is_blank(recipients) or recipients == []:
        raise RefusedError(CONSENT_RECIPIENTS_REQUIRED)
    if type(recipients) is not list:
        raise RefusedError(is_invalid("recipients"))
    if len(recipients) > RECIPIENTS_MAX:
        raise RefusedError(too_many_entries("recipients", RECIPIENTS_MAX))
    return recipients


def _parse_evidence(element: Any) -> ConsentEvidence:
    if type(element) is not dict or is_blank(element.get("recipient")):
        raise RefusedError(CONSENT_PARAMETER_MISSING)
    return ConsentEvidence(
        recipient=as_recipient(element["recipient"], CONSENT_RECIPIENT_ERRORS),
        source=_parse_source(as_text(element.get("source"))),
        user_agent=optional_text(element, "user_agent", at_most=USER_AGENT_CHARACTERS_MAX),
        ip=_parse_ip(element),
    )


def _parse_source(source: Any) -> str:
    if is_blank(source):
        raise RefusedError(CONSENT_SOURCE_EMPTY)
    if type(source) is not str:
        raise RefusedError(is_invalid("source"))
    if len(source) > SOURCE_CHARACTERS_MAX:
        raise RefusedError(CONSENT_SOURCE_TOO_LONG)
    return source


def _parse_ip(element: JsonObject) -> str | None:
    ip = optional_text(element, "ip")
    if ip is None:
        return None
    try:
        ip_address(ip)
    except ValueError:
        raise RefusedError(is_invalid("ip")) from None
    return ip


def _as_written(element: Any) -> str:
    """Return a failing recipient as the caller wrote it; ``""`` where there is nothing to show."""
    written = element.get("recipient") if type(element) is dict else None
    return str(written) if type(written) in (str, int, float) else ""
