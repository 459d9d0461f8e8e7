"""Groups of an account's numbers: made, shown, changed, ended; who is in them, and who wants to be."""

from typing import Annotated

from fastapi import APIRouter, Query

from waypost.store.groups import list_groups
from waypost.web.manage.context import ManageContext
from waypost.web.manage.group_desk import GroupDesk
from waypost.web.manage.group_models import (
    GroupChange,
    GroupCreation,
    GroupRefresh,
    GroupRefreshView,
    GroupView,
    InviteLinkView,
    JoinDecision,
    JoinDecisionView,
    JoinRequestView,
    ParticipantRemoval,
    RefusedRequestView,
)
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor

OfSource = Annotated[str | None, Query(max_length=64, description="Only groups of this source.")]


class GroupRoutes:
    """Groups: make, list, show, change, delete, refresh, invite, put out, let in."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context
        self._desk = GroupDesk(context)

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Groups")
        one = "/groups/{group_id}"
        calls.add("GET", "/groups", self.list_page, "groups.list")
        calls.add("POST", "/groups", self.create, "groups.create", status=202)
        calls.add("POST", "/groups/refresh", self.refresh_all, "groups.refresh_all")
        calls.add("GET", one, self.show, "groups.get")
        calls.add("PATCH", one, self.change, "groups.change", status=202)
        calls.add("DELETE", one, self.delete, "groups.delete", status=202)
        calls.add("POST", f"{one}/refresh", self.refresh, "groups.refresh")
        calls.add("GET", f"{one}/invite-link", self.invite_link, "groups.invite_link")
        calls.add("POST", f"{one}/invite-link/reset", self.reset_link, "groups.reset_link")
        calls.add("POST", f"{one}/participants/remove", self.remove, "groups.remove_participants", status=202)
        calls.add("GET", f"{one}/join-requests", self.join_requests, "groups.join_requests")
        calls.add("POST", f"{one}/join-requests/approve", self.approve, "groups.approve")
        calls.add("POST", f"{one}/join-requests/reject", self.reject, "groups.reject")

    async def list_page(
        self, caller: Calling, source_id: OfSource = None, cursor: Cursor = None, limit: Limit = PAGE_ROWS
    ) -> Listing[GroupView]:
        """List the account's groups, without deleted ones."""
        records = await self._context.read(
            lambda tx: list_groups(tx, caller.account_id, source_id=source_id, after=cursor or "", at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[GroupView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: GroupCreation) -> GroupView:
        """Ask for a group. Its id and link come later: see `state`, or hear the notice `group.created`."""
        return GroupView.of(await self._desk.create(caller, request))

    async def refresh_all(self, caller: Calling, request: GroupRefresh | None = None) -> GroupRefreshView:
        """Read which groups a number has from the provider, as a remedy for lost webhooks."""
        found, added = await self._desk.refresh_all(caller, (request or GroupRefresh()).source_id)
        return GroupRefreshView(found=found, added=added)

    async def show(self, caller: Calling, group_id: str) -> GroupView:
        """Show one group, by its id or by that of the request that made it."""
        return GroupView.of(await self._desk.find(caller, group_id))

    async def change(self, caller: Calling, group_id: str, request: GroupChange) -> GroupView:
        """Ask for another subject or description; the answer shows the group as it was."""
        return GroupView.of(await self._desk.change(caller, group_id, request))

    async def delete(self, caller: Calling, group_id: str) -> GroupView:
        """Ask for a group's end; the answer shows the group as it was."""
        return GroupView.of(await self._desk.delete(caller, group_id))

    async def refresh(self, caller: Calling, group_id: str) -> GroupView:
        """Read one group from the provider, as a remedy for lost webhooks."""
        return GroupView.of(await self._desk.refresh(caller, group_id))

    async def invite_link(self, caller: Calling, group_id: str) -> InviteLinkView:
        """Show the link by which people join."""
        return InviteLinkView(invite_link=await self._desk.invite_link(caller, group_id, is_reset=False))

    async def reset_link(self, caller: Calling, group_id: str) -> InviteLinkView:
        """Make a new link; the old one opens nothing any more."""
        return InviteLinkView(invite_link=await self._desk.invite_link(caller, group_id, is_reset=True))

    async def remove(self, caller: Calling, group_id: str, request: ParticipantRemoval) -> GroupView:
        """Ask for people to be put out; they cannot come back by link. The answer shows the group as it was."""
        return GroupView.of(await self._desk.remove_participants(caller, group_id, request.participants))

    async def join_requests(self, caller: Calling, group_id: str) -> Listing[JoinRequestView]:
        """List who wants to join, as the provider has it now."""
        found = await self._desk.join_requests(caller, group_id)
        return Listing(items=[JoinRequestView.of(one) for one in found], next_cursor=None)

    async def approve(self, caller: Calling, group_id: str, request: JoinDecision) -> JoinDecisionView:
        """Let people in who want to join."""
        return await self._decide(caller, group_id, request, is_approved=True)

    async def reject(self, caller: Calling, group_id: str, request: JoinDecision) -> JoinDecisionView:
        """Refuse people who want to join."""
        return await self._decide(caller, group_id, request, is_approved=False)

    async def _decide(
        self, caller: Calling, group_id: str, request: JoinDecision, *, is_approved: bool
    ) -> JoinDecisionView:
        decided = await self._desk.decide(caller, group_id, request.request_ids, is_approved=is_approved)
        failed = [RefusedRequestView(id=one, reason=reason) for one, reason in decided.failed]
        return JoinDecisionView(done=list(decided.done), failed=failed)
