"""Groups over Graph: made, listed, changed, deleted, joined (groups reference and error codes, Aug 2026)."""

from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.graph.errors import GraphError, failed_status_errors, invalid, malformed, missing
from waypost.sandbox.graph.objects import Answer, selected_fields
from waypost.sandbox.graph.shape import a_list, a_text
from waypost.sandbox.graph.templates import Templates
from waypost.sandbox.graph.validation import MEDIA_TYPES
from waypost.sandbox.groups import GROUPS_MAX, PARTICIPANTS_MAX, Group, Groups
from waypost.sandbox.network import Network, Number
from waypost.sandbox.tasks import BackgroundWork

SUBJECT_CHARS_MAX = 128
DESCRIPTION_CHARS_MAX = 2048
_APPROVAL_MODES = ("auto_approve", "approval_required")
_SENDABLE = ("text", *MEDIA_TYPES, "template", "pin")
_PAGE_MAX = 1024


class GroupEndpoints:
    """One method per (object kind, edge); the router has already checked that the token may see the object."""

    def __init__(self, *, groups: Groups, network: Network, templates: Templates, work: BackgroundWork) -> None:
        self._groups = groups
        self._network = network
        self._templates = templates
        self._work = work

    def visible(self, group_id: str, waba_ids: frozenset[str]) -> Group | None:
        """Return a group of a number that the token may use."""
        group = self._groups.find(group_id)
        if group is None or self._network.numbers[group.phone_number_id].waba_id not in waba_ids:
            return None
        return group

    def create(self, number: Number, body: dict[str, Any]) -> Answer:
        """Begin to make a group; id and link come by webhook, or why there is none."""
        _check_product(body)
        a_text(body, "subject", at="subject", chars_max=SUBJECT_CHARS_MAX)
        a_text(body, "description", at="description", chars_max=DESCRIPTION_CHARS_MAX, is_required=False)
        if body.get("join_approval_mode", _APPROVAL_MODES[0]) not in _APPROVAL_MODES:
            raise invalid(f"Param join_approval_mode must be one of {', '.join(_APPROVAL_MODES)}.")
        if number.groups == "off":
            raise GraphError(131215, "This business phone number is not eligible to use groups.")
        if len(self._groups.of_number(number.phone_number_id)) >= GROUPS_MAX:
            raise GraphError(131211, "The business phone number has reached the limit of groups.")
        request_id = ids.object_id()
        self._work.call_later(0, lambda: self._finish_creation(number, body, request_id))
        return _requested(request_id)

    def _finish_creation(self, number: Number, body: dict[str, Any], request_id: str) -> None:
        if number.groups == "creation_off":
            self._groups.fail_creation(number, body, request_id, failed_status_errors(131214)[0])
        else:
            self._groups.create(number, body, request_id)

    def list(self, number: Number, query: dict[str, str]) -> Answer:
        limit_text, after_text = query.get("limit", "25"), query.get("after", "0")
        if not limit_text.isdecimal() or not 1 <= int(limit_text) <= _PAGE_MAX:
            raise invalid(f"Param limit must be a number from 1 to {_PAGE_MAX}.")
        if not after_text.isdecimal():
            raise GraphError(131059, "The cursor is not one of ours.")
        start, end = int(after_text), int(after_text) + int(limit_text)
        every = self._groups.of_number(number.phone_number_id)
        shown = [
            {"id": group.group_id, "subject": group.subject, "created_at": group.created_us // 1_000_000}
            for group in every[start:end]
        ]
        answer: Answer = {"data": {"groups": shown}}
        if shown:
            cursors = {"before": str(max(0, start - int(limit_text))), "after": str(min(end, len(every)))}
            answer["paging"] = {"cursors": cursors}
            if end < len(every):
                answer["paging"]["next"] = f"?after={end}&limit={limit_text}"
        return answer

    def fields(self, group: Group, query: dict[str, str]) -> Answer:
        every: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "id": group.group_id,
            "subject": group.subject,
            "description": group.description,
            "suspended": group.is_suspended,
            "creation_timestamp": group.created_us // 1_000_000,
            "participants": [self._participant(number) for number in group.participants],
            "total_participant_count": len(group.participants),
            "join_approval_mode": group.join_approval_mode,
        }
        return selected_fields(every, query, ("messaging_product", "id", "subject", "creation_timestamp", "suspended"))

    def _participant(self, number: str) -> dict[str, str]:
        phone = self._network.phone(number)
        shown = {} if phone.username_only else {"wa_id": phone.wa_id}
        return {**shown, "user_id": phone.user_id}

    def change(self, group: Group, body: dict[str, Any]) -> Answer:
        _check_product(body)
        limits = {"subject": SUBJECT_CHARS_MAX, "description": DESCRIPTION_CHARS_MAX}
        changes: dict[str, str] = {}
        for name, chars_max in limits.items():
            text = a_text(body, name, at=name, chars_max=chars_max, is_required=False)
            if text is not None:
                changes[name] = text
        if not changes:
            raise missing("subject or description")
        request_id = ids.object_id()
        self._work.call_later(0, lambda: self._groups.change(group, changes, request_id))
        return _requested(request_id)

    def delete(self, group: Group) -> Answer:
        request_id = ids.object_id()
        self._work.call_later(0, lambda: self._groups.delete(group, request_id))
        return _requested(request_id)

    def invite_link(self, group: Group, *, is_reset: bool) -> Answer:
        if is_reset:
            self._groups.reset_invite(group)
        return {"messaging_product": "whatsapp", "invite_link": group.invite_link}

    def join_requests(self, group: Group) -> Answer:
        shown = [
            {"join_request_id": wish, **self._participant(number), "creation_timestamp": group.created_us // 1_000_000}
            for wish, number in group.join_requests.items()
        ]
        return {"data": shown}

    def decide_requests(self, group: Group, body: dict[str, Any], *, is_approved: bool) -> Answer:
        """Approve or reject wishes to join; each is answered for itself."""
        _check_product(body)
        wishes = a_list(body, "join_requests", at="join_requests", least=1, most=PARTICIPANTS_MAX * 128)
        done: list[str] = []
        failed: list[dict[str, Any]] = []
        for wish in wishes:
            code = self._decide(group, str(wish), is_approved=is_approved)
            if code:
                failed.append({"join_request_id": str(wish), "errors": failed_status_errors(code)})
            else:
                done.append(str(wish))
        word = "approved_join_requests" if is_approved else "rejected_join_requests"
        answer: Answer = {"messaging_product": "whatsapp", word: done}
        if failed:
            answer["failed_join_requests"] = failed
        return answer

    def _decide(self, group: Group, wish: str, *, is_approved: bool) -> int:
        number = group.join_requests.get(wish)
        if number is None:
            return 131213
        if not is_approved:
            self._groups.reject_wish(group, wish)
        elif len(group.participants) >= PARTICIPANTS_MAX:
            return 131204
        else:
            self._groups.add(group, self._network.phone(number))
        return 0

    def remove_participants(self, group: Group, body: dict[str, Any]) -> Answer:
        _check_product(body)
        listed = a_list(body, "participants", at="participants", least=1, most=PARTICIPANTS_MAX)
        users = [str(one.get("user") or "") if isinstance(one, dict) else "" for one in listed]
        if not all(users):
            raise missing("participants['user']")
        if len(set(users)) < len(users):
            raise GraphError(131202, "A participant is named twice.")
        request_id = ids.object_id()
        self._work.call_later(0, lambda: self._groups.remove(group, users, request_id))
        return _requested(request_id)

    def recipient(self, number: Number, kind: str, body: dict[str, Any]) -> Group:
        """Return the group that a message is for; raise what stands against sending this kind to it."""
        to = body.get("to")
        group = None if to is None else self._groups.find(to)
        if group is None or group.phone_number_id != number.phone_number_id:
            raise GraphError(131041, "The group does not exist, or is not one of this business phone number.")
        if number.groups == "off":
            raise GraphError(131215, "This business phone number is not eligible to use groups.")
        if kind not in _SENDABLE:
            raise GraphError(131051, f"Messages of type {kind} cannot be sent to groups.")
        if kind == "template" and self._templates.category_of(number.waba_id, body["template"]) == "authentication":
            raise GraphError(131051, "Authentication templates cannot be sent to groups.")
        if group.is_suspended:
            raise GraphError(131207, "The group is suspended.")
        if not group.participants:
            raise GraphError(131020, "The group has no participants but the business.")
        return group


def _check_product(body: dict[str, Any]) -> None:
    if body.get("messaging_product") != "whatsapp":
        raise malformed("The parameter messaging_product is required and must be whatsapp.")


def _requested(request_id: str) -> Answer:
    return {"messaging_product": "whatsapp", "request_id": request_id}
