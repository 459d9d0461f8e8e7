"""Requests that list and change webhooks by name (contract, section 6, v3)."""

from collections.abc import Mapping
from typing import Final, Literal, cast

from waypost.contract.checks import is_blank, optional_text, required, required_choice, required_id, required_text
from waypost.contract.decoding import JsonObject, decode, decode_object
from waypost.contract.errors import ContractRefusal, RefusedError, is_invalid
from waypost.domain.value import value

WebhookKindWord = Literal["incoming", "event"]
KINDS: Final = ("incoming", "event")


@value
class WebhookUpdate:
    """
    What to change of the webhook of this name and kind; None: as it is.

    ``headers`` takes the place of all there are. ``source`` is the one source it is to hear of from now on.
    """

    kind: WebhookKindWord
    name: str
    url: str | None
    source: str | None
    headers: Mapping[str, str] | None


def parse_webhook_listing(query: Mapping[str, str]) -> tuple[WebhookKindWord, ...] | ContractRefusal:
    """Return the kinds to list: the one of the query's ``type``, or both where it has none."""
    if is_blank(query.get("type")):
        return cast("tuple[WebhookKindWord, ...]", KINDS)
    try:
        return (cast("WebhookKindWord", required_choice(dict(query), "type", KINDS)),)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def parse_webhook_update(body: bytes) -> WebhookUpdate | ContractRefusal:
    """Return the change of a webhook; its ``headers`` are a JSON object in a string, a plain object is taken too."""
    try:
        request = decode_object(body)
        return WebhookUpdate(
            kind=cast("WebhookKindWord", required_choice(request, "type", KINDS)),
            name=required_text(request, "name"),
            url=optional_text(request, "url"),
            source=None if is_blank(request.get("source")) else required_id(request, "source"),
            headers=_headers(request),
        )
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def _headers(request: JsonObject) -> dict[str, str] | None:
    if is_blank(request.get("headers")):
        return None
    given = required(request, "headers")
    if type(given) is str:
        try:
            # The same rules as for a body: depth, NUL characters, surrogates.
            given = decode(given.encode())
        except (RefusedError, UnicodeEncodeError):
            raise RefusedError(is_invalid("headers")) from None
    if type(given) is not dict or not all(type(text) is str for text in given.values()):
        raise RefusedError(is_invalid("headers"))
    return given
