"""Groups that businesses have made, who is in them, and what is told of them (groups reference, Aug 2026)."""

import base64
import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.clock import now_us
from waypost.sandbox.journal import Journal
from waypost.sandbox.network import Network, Number, Phone

PARTICIPANTS_MAX = 8
GROUPS_MAX = 10_000
_INVITE_URL = "https://chat.whatsapp.com/"

Tell = Callable[[Number, str, dict[str, Any]], None]


@dataclass(slots=True, kw_only=True)
class Group:
    """
    One group of one business number.

    `participants` are phones, the business not counted; `removed` are those who cannot come back by link.
    `join_requests` maps ids to phones. Times are microseconds since the epoch.
    """

    group_id: str
    phone_number_id: str
    subject: str
    description: str
    join_approval_mode: str
    invite_code: str
    created_us: int
    participants: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    join_requests: dict[str, str] = field(default_factory=dict)
    is_suspended: bool = False
    is_deleted: bool = False

    @property
    def invite_link(self) -> str:
        return _INVITE_URL + self.invite_code


class Groups:
    """
    All groups, in memory and in the journal; `tell` posts one webhook of a group field.

    A change is told after it is kept, and is not told again after a restart.
    """

    def __init__(self, *, network: Network, journal: Journal, tell: Tell) -> None:
        self._network = network
        self._journal = journal
        self._tell = tell
        self._groups: dict[str, Group] = {}

    def find(self, group_id: str) -> Group | None:
        """Return a group that is not deleted."""
        group = self._groups.get(group_id)
        return None if group is None or group.is_deleted else group

    def by_invite(self, code: str) -> Group | None:
        """Return the group that an invite link, or its last part, opens."""
        wanted = code.removeprefix(_INVITE_URL)
        return next((g for g in self._groups.values() if g.invite_code == wanted and not g.is_deleted), None)

    def of_number(self, phone_number_id: str) -> list[Group]:
        return [g for g in self._groups.values() if g.phone_number_id == phone_number_id and not g.is_deleted]

    def every(self) -> list[Group]:
        """Return all groups, deleted ones too."""
        return list(self._groups.values())

    def members_of(self, group_id: str) -> list[str]:
        """Return the phones in a group; none if it is unknown."""
        group = self._groups.get(group_id)
        return [] if group is None else list(group.participants)

    def create(self, number: Number, body: dict[str, Any], request_id: str) -> Group:
        """Make a group and tell its id and link."""
        group = Group(
            group_id=_group_id(number),
            phone_number_id=number.phone_number_id,
            subject=body["subject"],
            description=body.get("description") or "",
            join_approval_mode=body.get("join_approval_mode") or "auto_approve",
            invite_code=secrets.token_urlsafe(16),
            created_us=now_us(),
        )
        self._keep(group)
        event = {"subject": group.subject, "invite_link": group.invite_link}
        if group.description:
            event["description"] = group.description
        event["join_approval_mode"] = group.join_approval_mode
        self._tell_group(group, "group_lifecycle_update", "group_create", request_id=request_id, **event)
        return group

    def fail_creation(self, number: Number, body: dict[str, Any], request_id: str, error: dict[str, Any]) -> None:
        """Tell that a group was not made."""
        event = _event("group_create", request_id=request_id, subject=body["subject"], errors=[error])
        self._tell_event(number, "group_lifecycle_update", event)

    def change(self, group: Group, changes: dict[str, str], request_id: str) -> None:
        """Set subject or description, and tell."""
        told: dict[str, Any] = {}
        for name, text in changes.items():
            setattr(group, name, text)
            told[f"group_{name}"] = {"text": text, "update_successful": True}
        self._keep(group)
        self._tell_group(group, "group_settings_update", "group_settings_update", request_id=request_id, **told)

    def delete(self, group: Group, request_id: str) -> None:
        group.is_deleted = True
        self._keep(group)
        self._tell_group(group, "group_lifecycle_update", "group_delete", request_id=request_id)

    def reset_invite(self, group: Group) -> None:
        """Let the old invite link open nothing any more."""
        group.invite_code = secrets.token_urlsafe(16)
        self._keep(group)

    def set_suspended(self, group: Group, *, is_suspended: bool) -> None:
        group.is_suspended = is_suspended
        self._keep(group)
        self._tell_group(group, "group_status_update", "group_suspend" if is_suspended else "group_suspend_cleared")

    def ask_to_join(self, group: Group, phone: Phone) -> str:
        """Keep a person's wish to join, and tell it; return its id. A second wish of the same person is the first."""
        for request_id, number in group.join_requests.items():
            if number == phone.number:
                return request_id
        request_id = ids.object_id()
        group.join_requests[request_id] = phone.number
        self._keep(group)
        event = {"join_request_id": request_id, **_who(phone)}
        self._tell_group(group, "group_participants_update", "group_join_request_created", **event)
        return request_id

    def revoke_wish(self, group: Group, request_id: str) -> None:
        """Take a wish to join back, as the person does."""
        phone = self._network.phone(group.join_requests.pop(request_id))
        self._keep(group)
        event = {"join_request_id": request_id, **_who(phone)}
        self._tell_group(group, "group_participants_update", "group_join_request_revoked", **event)

    def reject_wish(self, group: Group, request_id: str) -> None:
        """Refuse a wish to join; nobody is told."""
        del group.join_requests[request_id]
        self._keep(group)

    def add(self, group: Group, phone: Phone) -> None:
        """Let a person in, and tell it."""
        group.join_requests = {wish: number for wish, number in group.join_requests.items() if number != phone.number}
        group.participants.append(phone.number)
        self._keep(group)
        self._tell_group(
            group,
            "group_participants_update",
            "group_participants_add",
            reason="invite_link",
            added_participants=[_who(phone)],
        )

    def leave(self, group: Group, phone: Phone) -> None:
        """Let a person out who wants to go; the link lets them in again."""
        group.participants.remove(phone.number)
        self._keep(group)
        self._tell_group(
            group,
            "group_participants_update",
            "group_participants_remove",
            removed_participants=[_who(phone)],
            initiated_by="participant",
        )

    def remove(self, group: Group, users: list[str], request_id: str) -> None:
        """Put people out, as the business asks; they cannot come back by link. Tell who was and who was not in."""
        gone: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for user in users:
            phone = self._network.find_phone(user.lstrip("+")) or self._network.phone_by_user_id(user)
            if phone is None or phone.number not in group.participants:
                error = {"code": 131212, "title": "Not a participant", "message": "Not a participant"}
                failed.append({"input": user, "errors": [error]})
                continue
            group.participants.remove(phone.number)
            group.removed.append(phone.number)
            gone.append({"input": user, **_who(phone)})
        self._keep(group)
        event: dict[str, Any] = {"removed_participants": gone, "initiated_by": "business"}
        if failed:
            event["failed_participants"] = failed
        self._tell_group(
            group, "group_participants_update", "group_participants_remove", request_id=request_id, **event
        )

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        if record["kind"] == "group":
            group = Group(**{name: value for name, value in record.items() if name != "kind"})
            self._groups[group.group_id] = group

    def _keep(self, group: Group) -> None:
        self._groups[group.group_id] = group
        self._network.changes.directory()
        self._journal.write({"kind": "group", **dataclasses.asdict(group)})

    def _tell_group(self, group: Group, field_name: str, kind: str, **members: Any) -> None:
        event = _event(kind, group_id=group.group_id, **members)
        self._tell_event(self._network.numbers[group.phone_number_id], field_name, event)

    def _tell_event(self, number: Number, field_name: str, event: dict[str, Any]) -> None:
        value = {"messaging_product": "whatsapp", "metadata": metadata_of(number), "groups": [event]}
        self._tell(number, field_name, value)


def metadata_of(number: Number) -> dict[str, str]:
    """Return what webhooks say of the number they are about."""
    return {"display_phone_number": number.display_phone_number, "phone_number_id": number.phone_number_id}


def _event(kind: str, **members: Any) -> dict[str, Any]:
    return {"timestamp": str(now_us() // 1_000_000), "type": kind, **members}


def _who(phone: Phone) -> dict[str, str]:
    shown = {} if phone.username_only else {"wa_id": phone.wa_id}
    return {**shown, "user_id": phone.user_id}


def _group_id(number: Number) -> str:
    """Return a fresh group id in the form observed: base64 of capi_group, the number and an id."""
    return base64.b64encode(f"capi_group:{number.display_phone_number}:{ids.object_id()}".encode()).decode()
