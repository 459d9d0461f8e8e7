"""The provider's webhooks about groups (groups webhooks page, Aug 2026)."""

from collections.abc import Iterator
from typing import Any, Final

from waypost.domain.group import GroupChange, GroupEvent, GroupSettings
from waypost.providers.cloud_api.errors import read_error
from waypost.providers.cloud_api.members import identifier, time_us

JsonObject = dict[str, Any]

GROUP_FIELDS: Final = frozenset(
    {"group_lifecycle_update", "group_participants_update", "group_settings_update", "group_status_update"}
)
TEXT_CHARACTERS_MAX: Final = 2048
"""A description's, which is the longest text of a group."""
_PARTICIPANTS_MAX: Final = 1024
"""Today eight; more than this is no group of ours."""
_EVENTS: Final = {
    "group_create": GroupEvent.CREATED,
    "group_delete": GroupEvent.DELETED,
    "group_participants_add": GroupEvent.PARTICIPANTS,
    "group_participants_remove": GroupEvent.PARTICIPANTS,
    "group_join_request_created": GroupEvent.JOIN_REQUEST,
    "group_join_request_revoked": GroupEvent.JOIN_REQUEST,
    "group_settings_update": GroupEvent.SETTINGS,
    "group_suspend": GroupEvent.SUSPENDED,
    "group_suspend_cleared": GroupEvent.RESUMED,
}
_SETTINGS: Final = ("group_subject", "group_description", "profile_picture")


def read_group_change(item: JsonObject) -> GroupChange | None:
    """
    Return what one element of ``groups`` says.

    None if it makes no sense, has a word that is not known here, or is about a group it does not name.
    """
    word, occurred_at_us = item.get("type"), time_us(item.get("timestamp"))
    event = _EVENTS.get(word) if type(word) is str else None
    group_id, request_id = identifier(item.get("group_id")), identifier(item.get("request_id"))
    if event is None or type(word) is not str or occurred_at_us is None or (group_id is None and request_id is None):
        return None
    errors = item.get("errors")
    error = read_error(errors[0]) if type(errors) is list and errors else None
    if error is not None:
        event = GroupEvent.FAILED
    if group_id is None and event is not GroupEvent.FAILED:
        return None
    done, refused = _settings_done(item)
    return GroupChange(
        event=event,
        operation=word.removeprefix("group_"),
        occurred_at_us=occurred_at_us,
        group_id=group_id,
        request_id=request_id,
        settings=_settings(item),
        added=tuple(_people(item.get("added_participants"))),
        removed=tuple(_people(item.get("removed_participants"))),
        refused=(*refused, *_people(item.get("failed_participants"))),
        changed=done,
        reason=_reason(item),
        join_request_id=identifier(item.get("join_request_id")),
        failure_code=None if error is None else error.code,
        failure="" if error is None else error.detail,
    )


def _settings(item: JsonObject) -> GroupSettings:
    """Return the group's settings as a creation or a change says them."""
    changed = {name: _changed_text(item.get(f"group_{name}")) for name in ("subject", "description")}
    return GroupSettings(
        subject=_text(item.get("subject")) or changed["subject"],
        description=_text(item.get("description")) or changed["description"],
        invite_link=_text(item.get("invite_link")),
        join_approval_mode=_text(item.get("join_approval_mode")),
    )


def _changed_text(found: Any) -> str | None:
    if type(found) is not dict or found.get("update_successful") is False:
        return None
    return _text(found.get("text"))


def _settings_done(item: JsonObject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of settings that were changed, and of those that could not be."""
    named = {name.removeprefix("group_"): item[name] for name in _SETTINGS if type(item.get(name)) is dict}
    refused = tuple(name for name, found in named.items() if found.get("update_successful") is False)
    return tuple(name for name in named if name not in refused), refused


def _people(found: Any) -> Iterator[str]:
    for person in found[:_PARTICIPANTS_MAX] if type(found) is list else ():
        if type(person) is dict:
            name = next(filter(None, (identifier(person.get(key)) for key in ("wa_id", "user_id", "input"))), None)
            if name is not None:
                yield name.removeprefix("+")


def _reason(item: JsonObject) -> str:
    """Return how somebody came or went; some samples put ``initiated_by`` one level deeper."""
    for key in ("reason", "initiated_by"):
        found = item.get(key)
        if type(found) is str:
            return found[:64]
    removed = item.get("removed_participants")
    deeper = removed[0].get("initiated_by") if type(removed) is list and removed and type(removed[0]) is dict else None
    return deeper[:64] if type(deeper) is str else ""


def _text(found: Any) -> str | None:
    """Return a text within bounds; NULs, which PostgreSQL cannot store, are left out."""
    return found[:TEXT_CHARACTERS_MAX].replace("\x00", "") if type(found) is str and found else None
