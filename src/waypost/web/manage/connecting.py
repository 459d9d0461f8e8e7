"""
The steps of connecting a number, each checked at the provider, with what to do on Meta's pages when one fails.

A step that finds its work done says so and changes nothing, so the whole may be run again. Names of pages: Meta App
Dashboard and Business Settings, Sep 2026.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY
from waypost.outbound.http import OutboundError, Timeouts
from waypost.ports import ProviderSource
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls
from waypost.providers.cloud_api.onboarding import (
    NumberDetails,
    check_app_secret,
    count_subscriptions,
    fetch_number,
    find_plain_template,
    list_number_ids,
    point_webhooks,
    register_number,
    send_template,
    subscribe_app,
)

PROBES: Final = 20
PROBE_GAP_SECONDS: Final = 0.25
"""A running gateway knows of a new source within half a second."""

_CONNECTED: Final = "CONNECTED"
_CREDENTIALS_ADVICE: Final = (
    "Business Settings, Users, System users: take an admin system user, assign it the app and the WhatsApp account "
    "with full control, and generate a token with whatsapp_business_messaging and whatsapp_business_management that "
    "never expires. The token of the page API Setup ends after a day."
)
_REACH_ADVICE: Final = "See that this machine reaches the provider; WAYPOST_GRAPH_URL says where it is looked for."
_BUSY_ADVICE: Final = "Wait an hour, then run this again: the provider counts calls by the hour."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step and how it ended; ``advice`` says what to do, and is empty when all is well."""

    step: str
    is_good: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the steps need to know; ``pin`` None: the number is not to be registered here."""

    identity: ProviderSource
    waba_id: str
    app_secret: str | None = field(repr=False)
    verify_token: str = field(repr=False)
    callback_url: str
    leads_webhooks: bool
    pin: str | None = field(default=None, repr=False)
    test_to: str | None = None


Tell = Callable[[Step], None]


async def check_credentials(
    calls: GraphCalls, identity: ProviderSource, *, waba_id: str, app_secret: str | None, tell: Tell
) -> NumberDetails | None:
    """Check number, token, business account and app secret; None if one of them is wrong: nothing is changed."""
    number = await fetch_number(calls, identity)
    if isinstance(number, CallFailure):
        advice = _advice(
            number,
            "WhatsApp, API Setup: compare the Phone number ID (not the number itself), and see that the token may use "
            f"the WhatsApp account. {_CREDENTIALS_ADVICE}",
        )
        tell(_bad("number and token", number.detail, advice))
        return None
    tell(_good("number and token", f"{number.display_phone_number}, {number.verified_name or 'without a name'}"))
    ids = await list_number_ids(calls, identity, waba_id=waba_id)
    if isinstance(ids, CallFailure) or identity.phone_number_id not in ids:
        found = ids.detail if isinstance(ids, CallFailure) else "the number is not one of this business account's"
        wrong = "WhatsApp, API Setup: compare the WhatsApp Business Account ID; it stands beside the Phone number ID."
        tell(_bad("business account", found, _advice(ids, wrong) if isinstance(ids, CallFailure) else wrong))
        return None
    tell(_good("business account", f"has this number, of {len(ids)}"))
    return number if await _check_secret(calls, identity, app_secret, tell) else None


async def _check_secret(calls: GraphCalls, identity: ProviderSource, app_secret: str | None, tell: Tell) -> bool:
    if app_secret is None:
        tell(
            _bad(
                "app secret",
                "none is known, so every webhook of this number would be refused",
                "App Dashboard, App settings, Basic: show the App secret, and give it here (commands read it from "
                "WAYPOST_SOURCE_APP_SECRET).",
            )
        )
        return False
    failure = await check_app_secret(calls, identity, app_secret=app_secret)
    if failure is not None:
        wrong = (
            "App Dashboard, App settings, Basic: copy the App secret of the app that the token was generated for; "
            "another app's does not sign its webhooks."
        )
        tell(_bad("app secret", failure.detail, _advice(failure, wrong)))
        return False
    tell(_good("app secret", "is that of the token's app"))
    return True


async def bring_up(calls: GraphCalls, connection: Connection, number: NumberDetails, *, tell: Tell) -> None:
    """Register the number, have its webhooks sent here, and look at its templates; each step whatever came before."""
    await _register(calls, connection, number, tell)
    await _subscribe(calls, connection, tell)
    if await _probe(connection, tell):
        await _lead_webhooks(calls, connection, number, tell)
    await _look_at_templates(calls, connection, tell)


async def _register(calls: GraphCalls, connection: Connection, number: NumberDetails, tell: Tell) -> None:
    if number.status in {_CONNECTED, ""}:
        tell(_good("registration", "the number is registered for the Cloud API"))
        return
    if connection.pin is None:
        advice = (
            "Run this again with a PIN of 6 digits (commands read it from WAYPOST_SOURCE_PIN): the number's two-step "
            "PIN, or one of your choice if it never had any. It is changed in WhatsApp Manager, Phone numbers, "
            "Settings, Two-step verification."
        )
        tell(_bad("registration", f"the provider says {number.status}", advice))
        return
    failure = await register_number(calls, connection.identity, pin=connection.pin)
    if failure is not None:
        wrong = (
            "WhatsApp Manager, Phone numbers: the number must be verified by its code, and not be in use with the "
            "WhatsApp app; a forgotten PIN is reset there. The provider takes ten tries in 72 hours."
        )
        tell(_bad("registration", failure.detail, _advice(failure, wrong)))
        return
    tell(_good("registration", "registered now; keep the PIN"))


async def _subscribe(calls: GraphCalls, connection: Connection, tell: Tell) -> None:
    count = await count_subscriptions(calls, connection.identity, waba_id=connection.waba_id)
    failure = count if isinstance(count, CallFailure) else None
    if count == 0:
        failure = await subscribe_app(calls, connection.identity, waba_id=connection.waba_id)
    if failure is not None:
        wrong = f"The token must be one of the app's own, with whatsapp_business_management. {_CREDENTIALS_ADVICE}"
        tell(_bad("subscription", failure.detail, _advice(failure, wrong)))
        return
    found = "subscribed now" if count == 0 else "is subscribed"
    tell(_good("subscription", f"the app {found} to the business account's webhooks"))


async def _probe(connection: Connection, tell: Tell) -> bool:
    """Ask the gateway for the provider's handshake, as the provider will."""
    challenge = str(10**9 + secrets.randbelow(9 * 10**9))
    query = urlencode(
        {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": connection.verify_token}
    )
    http = AiohttpClient(policy=OPERATOR_POLICY, timeouts=Timeouts(total_seconds=15.0, read_seconds=8.0))
    found = ""
    try:
        for tries_left in reversed(range(PROBES)):
            try:
                answer = await http.request(
                    "GET", f"{connection.callback_url}?{query}", headers={}, body_bytes_max=65_536
                )
            except OutboundError as error:
                found = f"{connection.callback_url} does not answer from here: {error.kind.value}"
            else:
                if (answer.status, answer.body) == (200, challenge.encode()):
                    tell(_good("gateway", f"answers the handshake at {connection.callback_url}"))
                    return True
                found = f"{connection.callback_url} answers HTTP {answer.status} to the handshake"
            if tries_left:
                await asyncio.sleep(PROBE_GAP_SECONDS)
    finally:
        await http.close()
    advice = (
        "Start the gateway on this database (waypost serve), set WAYPOST_BASE_URL to its address from outside, and see "
        "that the proxy in front of it passes /webhooks/ on; then run this again."
    )
    tell(_bad("gateway", found, advice))
    return False


async def _lead_webhooks(calls: GraphCalls, connection: Connection, number: NumberDetails, tell: Tell) -> None:
    if number.callback_url == connection.callback_url:
        tell(_good("webhooks", "the provider posts them to this gateway"))
        return
    now = number.callback_url or "nowhere yet"
    by_hand = (
        "Or in the App Dashboard, WhatsApp, Configuration: Callback URL and Verify token as shown above, Verify and "
        "save, then subscribe to the fields messages and message_template_status_update."
    )
    if not connection.leads_webhooks:
        tell(
            _bad(
                "webhooks", f"the provider posts them to: {now}", f"Run this again and let them be led here. {by_hand}"
            )
        )
        return
    failure = await point_webhooks(
        calls, connection.identity, callback_url=connection.callback_url, verify_token=connection.verify_token
    )
    if failure is not None:
        wrong = (
            "The provider calls the Callback URL at once and must get its challenge back: the URL must be https with a "
            f"valid certificate, and reached from the internet. {by_hand}"
        )
        tell(_bad("webhooks", failure.detail, _advice(failure, wrong)))
        return
    tell(_good("webhooks", "the provider has verified the Callback URL, and posts message webhooks there from now on"))


async def _look_at_templates(calls: GraphCalls, connection: Connection, tell: Tell) -> None:
    found = await find_plain_template(calls, connection.identity, waba_id=connection.waba_id)
    if isinstance(found, CallFailure):
        wrong = f"The token lacks whatsapp_business_management. {_CREDENTIALS_ADVICE}"
        tell(_bad("templates", found.detail, _advice(found, wrong)))
        return
    count, plain = found
    tell(
        _good("templates", f"{count} approved" if count else "none is approved yet; make one: waypost templates create")
    )
    if connection.test_to is None:
        return
    if plain is None:
        advice = (
            "Make a template without variables, or write to the number first and answer with: waypost messages send"
        )
        tell(_bad("test message", "there is no approved template that can be sent as it is", advice))
        return
    name, language = plain
    sent = await send_template(calls, connection.identity, to=connection.test_to, name=name, language=language)
    if isinstance(sent, CallFailure):
        wrong = (
            "WhatsApp Manager: look for a payment method and for the number's status. While the app is in development, "
            "only the numbers listed on the page API Setup can be written to."
        )
        tell(_bad("test message", sent.detail, _advice(sent, wrong)))
        return
    tell(_good("test message", f"template {name} ({language}) is on its way"))


def _advice(failure: CallFailure, refused: str) -> str:
    match failure.kind:
        case CallFailureKind.CREDENTIALS:
            return _CREDENTIALS_ADVICE
        case CallFailureKind.THROTTLED:
            return _BUSY_ADVICE
        case CallFailureKind.UNREACHABLE:
            return _REACH_ADVICE
        case CallFailureKind.REFUSED | CallFailureKind.NOT_FOUND:
            return refused


def _good(step: str, found: str) -> Step:
    return Step(step=step, is_good=True, found=found)


def _bad(step: str, found: str, advice: str) -> Step:
    return Step(step=step, is_good=False, found=found, advice=advice)
