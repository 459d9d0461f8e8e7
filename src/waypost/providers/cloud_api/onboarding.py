"""
What connecting a number asks of the provider: what it is, whose it is, that it is registered and will be told of.

Source: phone numbers, registration, business profiles and webhooks pages, Sep 2026. All of it may be asked again.
"""

from typing import Any, Final

from waypost.domain.mac import hmac_sha256_hex
from waypost.domain.template import HeaderKind, shape_of
from waypost.domain.value import value
from waypost.ports import ProviderSource
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls, quoted

_NUMBER_FIELDS: Final = (
    "verified_name,display_phone_number,quality_rating,status,code_verification_status,name_status,"
    "whatsapp_business_manager_messaging_limit,webhook_configuration"
)
_PAGE_ROWS: Final = "100"
_PROFILE_FIELDS: Final = "about,address,description,email,profile_picture_url,websites,vertical"


@value
class NumberDetails:
    """
    What the provider says of a number; ``""`` for what it leaves out.

    ``status`` is ``CONNECTED`` if it can send. ``callback_url`` is where its webhooks go: the number's own, else the
    business account's, else the app's.
    """

    display_phone_number: str
    verified_name: str
    status: str
    code_verification_status: str
    name_status: str
    quality_rating: str
    messaging_limit: str
    callback_url: str


@value
class BusinessProfile:
    """What users see of a business; ``""`` for what is not set."""

    about: str
    picture_url: str


async def fetch_number(calls: GraphCalls, source: ProviderSource) -> NumberDetails | CallFailure:
    """Return what the provider says of the source's number."""
    found = await calls.call(source, "GET", quoted(source.phone_number_id), query={"fields": _NUMBER_FIELDS})
    if isinstance(found, CallFailure):
        return found
    urls = found.get("webhook_configuration")
    places = ("phone_number", "whatsapp_business_account", "application")
    known = [_text(urls.get(place)) for place in places] if isinstance(urls, dict) else []
    return NumberDetails(
        display_phone_number=_text(found.get("display_phone_number")),
        verified_name=_text(found.get("verified_name")),
        status=_text(found.get("status")),
        code_verification_status=_text(found.get("code_verification_status")),
        name_status=_text(found.get("name_status")),
        quality_rating=_text(found.get("quality_rating")),
        messaging_limit=_text(found.get("whatsapp_business_manager_messaging_limit")),
        callback_url=next((url for url in known if url), ""),
    )


async def fetch_profile(calls: GraphCalls, source: ProviderSource) -> BusinessProfile | CallFailure:
    """Return the business profile of the source's number."""
    path = f"{quoted(source.phone_number_id)}/whatsapp_business_profile"
    found = await calls.call(source, "GET", path, query={"fields": _PROFILE_FIELDS})
    if isinstance(found, CallFailure):
        return found
    listed = found.get("data")
    profile = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    return BusinessProfile(about=_text(profile.get("about")), picture_url=_text(profile.get("profile_picture_url")))


async def check_app_secret(calls: GraphCalls, source: ProviderSource, *, app_secret: str) -> CallFailure | None:
    """
    Return why a secret is not that of the token's app; None: it is.

    Graph refuses a call whose proof, a keyed hash of the token, was not made with the app's secret (secure requests
    page, 2026).
    """
    proof = hmac_sha256_hex(app_secret.encode(), source.access_token.encode())
    query = {"fields": "id", "appsecret_proof": proof}
    found = await calls.call(source, "GET", quoted(source.phone_number_id), query=query)
    return found if isinstance(found, CallFailure) else None


async def list_number_ids(calls: GraphCalls, source: ProviderSource, *, waba_id: str) -> frozenset[str] | CallFailure:
    """Return the ids of the business account's numbers, at most 100: it starts with 2 and may have 20."""
    query = {"fields": "id", "limit": _PAGE_ROWS}
    found = await calls.call(source, "GET", f"{quoted(waba_id)}/phone_numbers", query=query)
    if isinstance(found, CallFailure):
        return found
    listed = found.get("data")
    entries = listed if isinstance(listed, list) else []
    return frozenset(_text(entry.get("id")) for entry in entries if isinstance(entry, dict))


async def register_number(calls: GraphCalls, source: ProviderSource, *, pin: str) -> CallFailure | None:
    """
    Register the number for the Cloud API with its two-step PIN of 6 digits; a number that is registered stays so.

    The provider takes ten such calls in 72 h for a number, and refuses a PIN other than the one it knows.
    """
    body = {"messaging_product": "whatsapp", "pin": pin}
    found = await calls.call(source, "POST", f"{quoted(source.phone_number_id)}/register", body=body)
    return found if isinstance(found, CallFailure) else None


async def count_subscriptions(calls: GraphCalls, source: ProviderSource, *, waba_id: str) -> int | CallFailure:
    """Return how many apps get the business account's webhooks; 0: none will ever come."""
    found = await calls.call(source, "GET", f"{quoted(waba_id)}/subscribed_apps")
    if isinstance(found, CallFailure):
        return found
    listed = found.get("data")
    return len(listed) if isinstance(listed, list) else 0


async def subscribe_app(calls: GraphCalls, source: ProviderSource, *, waba_id: str) -> CallFailure | None:
    """Let the token's app have the business account's webhooks; an app that has them already goes on having them."""
    found = await calls.call(source, "POST", f"{quoted(waba_id)}/subscribed_apps", body={})
    return found if isinstance(found, CallFailure) else None


async def point_webhooks(
    calls: GraphCalls, source: ProviderSource, *, callback_url: str, verify_token: str
) -> CallFailure | None:
    """
    Send the number's own webhooks to a URL, which the provider verifies at once by its handshake.

    Only message webhooks follow it; those about templates and the account keep going to the app's URL (webhook
    overrides page, 2026). The URL has at most 200 characters.
    """
    body = {"webhook_configuration": {"override_callback_uri": callback_url, "verify_token": verify_token}}
    found = await calls.call(source, "POST", quoted(source.phone_number_id), body=body)
    return found if isinstance(found, CallFailure) else None


async def find_plain_template(
    calls: GraphCalls, source: ProviderSource, *, waba_id: str
) -> tuple[int, tuple[str, str] | None] | CallFailure:
    """Return how many approved templates there are, of the first 100, and name and language of one without values."""
    query = {"fields": "name,language,category,components", "status": "APPROVED", "limit": _PAGE_ROWS}
    found = await calls.call(source, "GET", f"{quoted(waba_id)}/message_templates", query=query)
    if isinstance(found, CallFailure):
        return found
    listed = found.get("data")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    plain = next((entry for entry in entries if _is_plain(entry)), None)
    return len(entries), None if plain is None else (_text(plain.get("name")), _text(plain.get("language")))


async def send_template(
    calls: GraphCalls, source: ProviderSource, *, to: str, name: str, language: str
) -> str | CallFailure:
    """Send a template that takes no values, past the gateway's queue; return the message's id. It may cost money."""
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{to}",
        "type": "template",
        "template": {"name": name, "language": {"code": language, "policy": "deterministic"}},
    }
    found = await calls.call(source, "POST", f"{quoted(source.phone_number_id)}/messages", body=body)
    if isinstance(found, CallFailure):
        return found
    messages = found.get("messages")
    first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
    return _text(first.get("id")) or CallFailure(
        kind=CallFailureKind.UNREACHABLE, detail="the answer names no message id"
    )


def _is_plain(entry: dict[str, Any]) -> bool:
    """Say whether a template can be sent by its name alone."""
    components = entry.get("components")
    parts = [part for part in components if isinstance(part, dict)] if isinstance(components, list) else []
    shape = shape_of(parts, category=_text(entry.get("category")))
    return not (
        shape.body_variables
        or shape.header_variables
        or shape.header not in (HeaderKind.NONE, HeaderKind.TEXT)
        or shape.cards
        or shape.has_expiry
        or any(button.needs_value for button in shape.buttons)
    )


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
