"""
Groups made, changed and ended: asked of the provider at once, and kept as its webhooks tell.

The provider answers most calls with a request id before anything is done, so what is shown after a call is what was
known before it; the notices ``group.…`` say when it was done, and what could not be.
"""

from dataclasses import replace
from typing import TypeVar

from waypost.domain.group import GroupState
from waypost.providers.cloud_api import groups as upstream
from waypost.providers.cloud_api.calls import CallFailure
from waypost.store.directory import Source
from waypost.store.groups import GroupRecord, add_group, find_group, hold_group, keep_request, save_group
from waypost.store.transaction import Tx
from waypost.web.manage.call_problems import CallHints, problem_of_call
from waypost.web.manage.context import Caller, ManageContext
from waypost.web.manage.group_models import GroupChange, GroupCreation
from waypost.web.manage.problems import Problem, ProblemKind, not_found

Found = TypeVar("Found")

_HINTS = CallHints(
    noun="group",
    refused="What it takes of groups, and its codes, stand in docs/groups.md.",
    credentials="Run: waypost doctor. The token needs whatsapp_business_messaging, the number a right to groups.",
    throttled="Wait a minute, and ask less often.",
    retry_after_seconds=60,
    unreachable="It may have been done all the same: list the groups before you try again.",
    tells_code=True,
)


class GroupDesk:
    """Works on one account's groups; each change has its entry in the audit log."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    async def find(self, caller: Caller, group_id: str) -> GroupRecord:
        """Return a group by its id or its request's; raise ``Problem`` if the account has none."""
        record = await self._context.read(
            lambda tx: find_group(tx, caller.account_id, group_id), account_id=caller.account_id
        )
        if record is None:
            raise not_found("group")
        return record

    async def create(self, caller: Caller, request: GroupCreation) -> GroupRecord:
        """Ask for a group. A second call asks for a second one."""
        source = self._source(caller, request.source_id)
        request_id = _done(
            await upstream.create_group(
                self._context.calls,
                source.identity,
                subject=request.subject,
                description=request.description,
                join_approval_mode=request.join_approval_mode,
            )
        )
        now_us = self._context.clock.now_us()
        record = GroupRecord(
            account_id=caller.account_id,
            source_id=source.id,
            id=request_id,
            request_id=request_id,
            subject=request.subject,
            description=request.description,
            join_approval_mode=request.join_approval_mode,
            state=GroupState.CREATING,
            created_at_us=now_us,
            changed_at_us=now_us,
        )

        def keep(tx: Tx) -> None:
            keep_request(tx, record)
            caller.editor.note(tx, account_id=caller.account_id, action="group.create", target=request_id)

        await self._context.change(keep, account_id=caller.account_id)
        return record

    async def change(self, caller: Caller, group_id: str, request: GroupChange) -> GroupRecord:
        """Ask for another subject or description."""
        if request.subject is None and request.description is None:
            raise Problem(ProblemKind.INVALID, "Nothing is to be changed.", hint="Name subject, description, or both.")
        record, source = await self._made(caller, group_id)
        _done(
            await upstream.change_group(
                self._context.calls,
                source.identity,
                group_id=record.id,
                subject=request.subject,
                description=request.description,
            )
        )
        await self._note(caller, "group.change", record)
        return record

    async def delete(self, caller: Caller, group_id: str) -> GroupRecord:
        """Ask for a group's end."""
        record, source = await self._made(caller, group_id)
        _done(await upstream.delete_group(self._context.calls, source.identity, group_id=record.id))
        await self._note(caller, "group.delete", record)
        return record

    async def refresh(self, caller: Caller, group_id: str) -> GroupRecord:
        """Read a group from the provider, as a remedy for webhooks that were lost; what one tells meanwhile stands."""
        record, source = await self._made(caller, group_id)
        found = _done(await upstream.get_group(self._context.calls, source.identity, group_id=record.id))
        after = replace(
            record,
            subject=found.subject or record.subject,
            description=found.description,
            join_approval_mode=found.join_approval_mode or record.join_approval_mode,
            participants=tuple(sorted(found.participants)),
            state=GroupState.SUSPENDED if found.is_suspended else GroupState.ACTIVE,
            changed_at_us=self._context.clock.now_us(),
        )

        def keep(tx: Tx) -> GroupRecord:
            now = _hold(tx, record)
            if now is not None and now != record:
                return now
            save_group(tx, after)
            return after

        return await self._context.change(keep, account_id=caller.account_id)

    async def refresh_all(self, caller: Caller, source_id: str | None) -> tuple[int, int]:
        """Read which groups a number has; return how many there are, and how many were not known here."""
        source = self._source(caller, source_id)
        listed = _done(await upstream.list_groups(self._context.calls, source.identity))
        now_us = self._context.clock.now_us()

        def keep(tx: Tx) -> int:
            return sum(
                add_group(
                    tx,
                    GroupRecord(
                        account_id=caller.account_id,
                        source_id=source.id,
                        id=one.id,
                        subject=one.subject,
                        created_at_us=one.created_at_us or now_us,
                        changed_at_us=now_us,
                    ),
                )
                for one in listed
            )

        return len(listed), await self._context.change(keep, account_id=caller.account_id)

    async def invite_link(self, caller: Caller, group_id: str, *, is_reset: bool) -> str:
        """Return the invite link; ``is_reset`` makes a new one, and the old one opens nothing any more."""
        record, source = await self._made(caller, group_id)
        if record.invite_link is not None and not is_reset:
            return record.invite_link
        link = _done(
            await upstream.invite_link(self._context.calls, source.identity, group_id=record.id, is_reset=is_reset)
        )

        def keep(tx: Tx) -> None:
            save_group(tx, replace(_hold(tx, record) or record, invite_link=link))
            if is_reset:
                caller.editor.note(tx, account_id=caller.account_id, action="group.reset_link", target=record.id)

        await self._context.change(keep, account_id=caller.account_id)
        return link

    async def remove_participants(self, caller: Caller, group_id: str, participants: list[str]) -> GroupRecord:
        """Ask for people to be put out."""
        record, source = await self._made(caller, group_id)
        people = list(dict.fromkeys(person.removeprefix("+") for person in participants))
        _done(
            await upstream.remove_participants(
                self._context.calls, source.identity, group_id=record.id, participants=people
            )
        )
        await self._note(caller, "group.remove_participants", record)
        return record

    async def join_requests(self, caller: Caller, group_id: str) -> tuple[upstream.JoinRequest, ...]:
        """Return who wants to join, as the provider has it now."""
        record, source = await self._made(caller, group_id)
        return _done(await upstream.list_join_requests(self._context.calls, source.identity, group_id=record.id))

    async def decide(
        self, caller: Caller, group_id: str, request_ids: list[str], *, is_approved: bool
    ) -> upstream.Decided:
        """Let people in, or refuse them."""
        record, source = await self._made(caller, group_id)
        decided = _done(
            await upstream.decide_join_requests(
                self._context.calls,
                source.identity,
                group_id=record.id,
                request_ids=list(dict.fromkeys(request_ids)),
                is_approved=is_approved,
            )
        )
        await self._note(caller, "group.approve" if is_approved else "group.reject", record)
        return decided

    def _source(self, caller: Caller, source_id: str | None) -> Source:
        """Return the account's source that groups are asked of; raise ``Problem`` if there is none that may."""
        source = self._context.directory.now.source_of(caller.account_id, source_id)
        if source is None:
            raise not_found("source")
        if not source.has_groups:
            raise Problem(
                ProblemKind.CONFLICT,
                "This source has no groups.",
                hint="If its number may have groups, say so: waypost sources change ID --groups",
            )
        return source

    async def _made(self, caller: Caller, group_id: str) -> tuple[GroupRecord, Source]:
        """Return a group that the provider has, with its source."""
        record = await self.find(caller, group_id)
        if not record.has_id or record.state is GroupState.DELETED:
            raise Problem(
                ProblemKind.CONFLICT,
                f"The group is {record.state.value}.",
                hint="Only a group that the provider has made, and not ended, can be worked with.",
            )
        return record, self._source(caller, record.source_id)

    async def _note(self, caller: Caller, action: str, record: GroupRecord) -> None:
        await self._context.change(
            lambda tx: caller.editor.note(tx, account_id=caller.account_id, action=action, target=record.id),
            account_id=caller.account_id,
        )


def _hold(tx: Tx, record: GroupRecord) -> GroupRecord | None:
    return hold_group(tx, account_id=record.account_id, source_id=record.source_id, group_id=record.id)


def _done(found: Found | CallFailure) -> Found:
    """Return what a call yielded; raise ``Problem`` for a failure."""
    if isinstance(found, CallFailure):
        raise problem_of_call(found, _HINTS)
    return found
