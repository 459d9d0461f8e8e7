"""What the provider says of a number, asked when somebody wants to know, within a bounded time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls
from waypost.providers.cloud_api.onboarding import NumberDetails, fetch_number, fetch_profile
from waypost.store.directory import Source

ASK_SECONDS: Final = 15.0
_TONES: Final = {"GREEN": "good", "YELLOW": "warn", "RED": "bad", "CONNECTED": "good"}
_HINTS: Final = {
    CallFailureKind.CREDENTIALS: "The token does not work for this any more: put a new one in, below under Change.",
    CallFailureKind.THROTTLED: "It counts calls by the hour. Ask again later.",
    CallFailureKind.UNREACHABLE: "See that this machine reaches the provider, and ask again.",
    CallFailureKind.NOT_FOUND: "Compare the phone number ID with that on the page API Setup.",
    CallFailureKind.REFUSED: "Compare the ids with those on the page API Setup.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is said; ``tone`` as badges have it, ``""``: plain text."""

    name: str
    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFacts:
    """What was said, or in ``failure`` and ``hint`` why nothing was."""

    facts: Sequence[Fact] = ()
    failure: str = ""
    hint: str = ""


async def ask_number(calls: GraphCalls, source: Source) -> NumberFacts:
    """Ask for the number and its profile, at the same time; never raises for what the provider does."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            number, profile = await asyncio.gather(
                fetch_number(calls, source.identity), fetch_profile(calls, source.identity)
            )
    except TimeoutError:
        return NumberFacts(
            failure=f"The provider did not answer within {ASK_SECONDS:.0f} seconds.",
            hint=_HINTS[CallFailureKind.UNREACHABLE],
        )
    if isinstance(number, CallFailure):
        return NumberFacts(failure=f"The provider tells nothing: {number.detail}", hint=_HINTS[number.kind])
    facts = facts_of(number)
    if not isinstance(profile, CallFailure) and profile.about:
        facts.append(Fact(name="About", value=profile.about))
    return NumberFacts(facts=facts)


def facts_of(number: NumberDetails) -> list[Fact]:
    """Return what is known of a number, in the order in which people look for it."""
    told = (
        ("Verified name", number.verified_name),
        ("Status", number.status),
        ("Quality", number.quality_rating),
        ("Limit of new customers a day", _limit_of(number.messaging_limit)),
        ("Name", number.name_status),
        ("Code", number.code_verification_status),
        ("Webhooks go to", number.callback_url),
    )
    return [
        Fact(name=name, value=value.replace("_", " ") if value.isupper() else value, tone=_TONES.get(value, ""))
        for name, value in told
        if value
    ]


def _limit_of(tier: str) -> str:
    """Return a tier such as ``TIER_10K`` as people say it (messaging limits page, Sep 2026)."""
    word = tier.removeprefix("TIER_")
    return {"UNLIMITED": "unlimited"}.get(word, word.replace("K", ",000"))
