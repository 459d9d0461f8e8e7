"""
Groups at the provider: made, read, changed, deleted, and who is in them (groups reference, Aug 2026).

What changes a group answers with a request id at once; whether it was done comes by webhook
(``group_events.read_group_change``).
"""

from collections.abc import Sequence
from typing import Any, Final

from waypost.domain.value import value
from waypost.ports import ProviderSource
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, Found, GraphCalls, quoted
from waypost.providers.cloud_api.members import time_us

_PRODUCT: Final = {"messaging_product": "whatsapp"}
_FIELDS: Final = (
    "subject,description,suspended,creation_timestamp,participants,total_participant_count,join_approval_mode"
)
_PAGE_ITEMS: Final = 100
_PAGES_MAX: Final = 100
"""A number has at most 10,000 groups."""


@value
class ListedGroup:
    """A group as a list shows it; ``created_at_us`` 0: not said."""

    id: str
    subject: str
    created_at_us: int


@value
class ProviderGroup:
    """A group as the provider has it now; ``participants`` are digits, or user ids where it shows no number."""

    id: str
    subject: str
    description: str
    is_suspended: bool
    created_at_us: int
    participants: tuple[str, ...]
    join_approval_mode: str


@value
class JoinRequest:
    """A person's wish to join; ``created_at_us`` 0: not said."""

    id: str
    participant: str
    created_at_us: int


@value
class Decided:
    """What became of join requests: the ids for which it was done, and those for which it was not, with why."""

    done: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


async def create_group(
    calls: GraphCalls, source: ProviderSource, *, subject: str, description: str, join_approval_mode: str
) -> str | CallFailure:
    """Ask for a group; return the request's id. A second call asks for a second group."""
    body = {**_PRODUCT, "subject": subject, "join_approval_mode": join_approval_mode}
    if description:
        body["description"] = description
    return _request_id(await calls.call(source, "POST", f"{quoted(source.phone_number_id)}/groups", body=body))


async def list_groups(calls: GraphCalls, source: ProviderSource) -> tuple[ListedGroup, ...] | CallFailure:
    """Return all groups of the number, or how one of the pages failed: then nothing is known."""
    groups: dict[str, ListedGroup] = {}
    after = ""
    for _ in range(_PAGES_MAX):
        query = {"limit": str(_PAGE_ITEMS), **({"after": after} if after else {})}
        page = await calls.call(source, "GET", f"{quoted(source.phone_number_id)}/groups", query=query)
        if isinstance(page, CallFailure):
            return page
        data = page.get("data")
        for item in _objects(data.get("groups") if isinstance(data, dict) else data):
            if group_id := _text(item.get("id")):
                groups[group_id] = ListedGroup(
                    id=group_id, subject=_text(item.get("subject")), created_at_us=time_us(item.get("created_at")) or 0
                )
        paging = page.get("paging")
        if not isinstance(paging, dict) or not paging.get("next") or not isinstance(paging.get("cursors"), dict):
            break
        after = _text(paging["cursors"].get("after"))
        if not after:
            break
    return tuple(groups.values())


async def get_group(calls: GraphCalls, source: ProviderSource, *, group_id: str) -> ProviderGroup | CallFailure:
    """Return a group as it is now."""
    found = await calls.call(source, "GET", quoted(group_id), query={"fields": _FIELDS})
    if isinstance(found, CallFailure):
        return found
    return ProviderGroup(
        id=group_id,
        subject=_text(found.get("subject")),
        description=_text(found.get("description")),
        is_suspended=found.get("suspended") is True,
        created_at_us=time_us(found.get("creation_timestamp")) or 0,
        participants=tuple(filter(None, map(_person, _objects(found.get("participants"))))),
        join_approval_mode=_text(found.get("join_approval_mode")),
    )


async def change_group(
    calls: GraphCalls, source: ProviderSource, *, group_id: str, subject: str | None, description: str | None
) -> str | CallFailure:
    """Ask for another subject or description; return the request's id."""
    named = {"subject": subject, "description": description}
    body = {**_PRODUCT, **{name: text for name, text in named.items() if text is not None}}
    return _request_id(await calls.call(source, "POST", quoted(group_id), body=body))


async def delete_group(calls: GraphCalls, source: ProviderSource, *, group_id: str) -> str | CallFailure:
    """Ask for a group's end; return the request's id. A second call is refused, as not found."""
    return _request_id(await calls.call(source, "DELETE", quoted(group_id)))


async def invite_link(
    calls: GraphCalls, source: ProviderSource, *, group_id: str, is_reset: bool = False
) -> str | CallFailure:
    """Return the link by which people join; ``is_reset`` makes a new one, and the old one opens nothing any more."""
    path = f"{quoted(group_id)}/invite_link"
    found = await (calls.call(source, "POST", path, body=_PRODUCT) if is_reset else calls.call(source, "GET", path))
    if isinstance(found, CallFailure):
        return found
    return _text(found.get("invite_link")) or _nameless("invite link")


async def remove_participants(
    calls: GraphCalls, source: ProviderSource, *, group_id: str, participants: Sequence[str]
) -> str | CallFailure:
    """Ask for people to be put out, by number or user id; return the request's id. They cannot come back by link."""
    body = {**_PRODUCT, "participants": [{"user": person} for person in participants]}
    return _request_id(await calls.call(source, "DELETE", f"{quoted(group_id)}/participants", body=body))


async def list_join_requests(
    calls: GraphCalls, source: ProviderSource, *, group_id: str
) -> tuple[JoinRequest, ...] | CallFailure:
    """Return who wants to join; a group that asks nobody has none."""
    found = await calls.call(source, "GET", f"{quoted(group_id)}/join_requests")
    if isinstance(found, CallFailure):
        return found
    return tuple(
        JoinRequest(
            id=request_id, participant=_person(item), created_at_us=time_us(item.get("creation_timestamp")) or 0
        )
        for item in _objects(found.get("data"))
        if (request_id := _text(item.get("join_request_id")))
    )


async def decide_join_requests(
    calls: GraphCalls, source: ProviderSource, *, group_id: str, request_ids: Sequence[str], is_approved: bool
) -> Decided | CallFailure:
    """Let people in, or refuse them; each request is answered for itself."""
    body = {**_PRODUCT, "join_requests": list(request_ids)}
    method = "POST" if is_approved else "DELETE"
    found = await calls.call(source, method, f"{quoted(group_id)}/join_requests", body=body)
    if isinstance(found, CallFailure):
        return found
    done = found.get("approved_join_requests" if is_approved else "rejected_join_requests")
    return Decided(
        done=tuple(filter(None, map(_text, done if isinstance(done, list) else ()))),
        failed=tuple(
            (request_id, _first_title(item.get("errors")))
            for item in _objects(found.get("failed_join_requests"))
            if (request_id := _text(item.get("join_request_id")))
        ),
    )


def _request_id(found: Found | CallFailure) -> str | CallFailure:
    if isinstance(found, CallFailure):
        return found
    return _text(found.get("request_id")) or _nameless("request id")


def _nameless(noun: str) -> CallFailure:
    return CallFailure(kind=CallFailureKind.UNREACHABLE, detail=f"the answer names no {noun}")


def _objects(found: Any) -> list[dict[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _person(item: dict[str, Any]) -> str:
    return _text(item.get("wa_id")).removeprefix("+") or _text(item.get("user_id"))


def _first_title(errors: Any) -> str:
    titles = [_text(error.get("title")) or _text(error.get("message")) for error in _objects(errors)]
    return titles[0] if titles else ""


def _text(found: Any) -> str:
    return found.replace("\x00", "") if isinstance(found, str) else ""
