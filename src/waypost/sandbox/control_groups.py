"""The control API of groups: what the people in them do, and what the network does to them."""

import dataclasses
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from waypost.sandbox.control_errors import ControlError, answer, bad_request, json_body
from waypost.sandbox.groups import PARTICIPANTS_MAX, Group
from waypost.sandbox.network import Phone, digits_of

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox


class GroupControl:
    """Handlers under /sandbox/groups."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def list_groups(self, request: Request) -> Response:
        del request
        return answer({"groups": [self._view(group) for group in self._sandbox.groups.every()]})

    async def show(self, request: Request) -> Response:
        return answer(self._view(self._group(request)))

    async def change(self, request: Request) -> Response:
        """Suspend a group as the network does, or lift that."""
        body = await json_body(request)
        if set(body) != {"suspended"} or not isinstance(body["suspended"], bool):
            raise bad_request("suspended must be true or false.", 'Send {"suspended": true}.')
        group = self._group(request)
        self._sandbox.groups.set_suspended(group, is_suspended=body["suspended"])
        return answer(self._view(group))

    async def join(self, request: Request) -> Response:
        """Let a phone open the invite link: it is in, or its wish waits for the business."""
        phone, group = await self._phone(request), self._group(request)
        if phone.number in group.participants:
            raise ControlError(409, "already_in", f"{phone.number} is in this group.", "Choose another phone.")
        if phone.number in group.removed:
            raise ControlError(
                409, "was_removed", f"{phone.number} was removed and cannot come back by link.", "Use another phone."
            )
        if group.is_suspended:
            raise ControlError(409, "suspended", "The group is suspended.", 'Lift that: PUT {"suspended": false}.')
        if group.join_approval_mode == "approval_required":
            wish = self._sandbox.groups.ask_to_join(group, phone)
            return answer({**self._view(group), "join_request_id": wish}, 202)
        if len(group.participants) >= PARTICIPANTS_MAX:
            raise ControlError(
                409, "full", f"A group has at most {PARTICIPANTS_MAX} participants.", "Let one leave first."
            )
        self._sandbox.groups.add(group, phone)
        return answer(self._view(group))

    async def leave(self, request: Request) -> Response:
        """Let a phone leave, or take back its wish to join."""
        phone, group = await self._phone(request), self._group(request)
        wish = next((one for one, number in group.join_requests.items() if number == phone.number), None)
        if wish is not None:
            self._sandbox.groups.revoke_wish(group, wish)
        elif phone.number in group.participants:
            self._sandbox.groups.leave(group, phone)
        else:
            raise ControlError(409, "not_in", f"{phone.number} is not in this group.", "Let it join first.")
        return answer(self._view(group))

    async def close_window(self, request: Request) -> Response:
        """Forget that anybody in this group ever wrote, as if 24 hours had passed."""
        group = self._group(request)
        self._sandbox.network.close_windows(group.group_id)
        return answer(self._view(group))

    def _group(self, request: Request) -> Group:
        """Return the group that the path names: by its id, or by the last part of its invite link."""
        named, groups = request.path_params["group"], self._sandbox.groups
        group = groups.find(named) or groups.by_invite(named)
        if group is None:
            raise ControlError(404, "no_such_group", "There is no such group.", "GET /sandbox/groups lists all.")
        return group

    async def _phone(self, request: Request) -> Phone:
        body = await json_body(request)
        digits = digits_of(str(body.get("phone", "")))
        if not 5 <= len(digits) <= 20 or self._sandbox.network.number_for(digits) is not None:
            raise bad_request("phone is not the number of a phone.", 'Send {"phone": "12025550143"}.')
        return self._sandbox.network.phone(digits)

    def _view(self, group: Group) -> dict[str, Any]:
        windows = self._sandbox.network.windows_of(group.group_id)
        return {
            **dataclasses.asdict(group),
            "invite_link": group.invite_link,
            "last_wrote_us": windows.get(group.phone_number_id),
        }
