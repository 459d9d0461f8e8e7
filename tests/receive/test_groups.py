"""News of groups: kept in any order and number, told once, and messages written into them."""

import asyncio
from typing import Any

from tests.receive.gateway import ACCOUNT, NOW_US, PHONE, SECOND_US, Gateway
from tests.receive.webhooks import NOW_SECONDS, body, messages, status, statuses, text, value

from waypost.domain.group import GroupChange, GroupEvent, GroupState
from waypost.domain.message import MessageState
from waypost.store.connections import connector_for
from waypost.store.groups import GroupRecord, apply_change, find_group, keep_request, list_groups
from waypost.store.statements import Sql

GROUP = "Y2FwaV9ncm91cDox"
DAY_US = 24 * 3600 * SECOND_US
_WAITING_FOR_LOCK = Sql(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
ANN, BEA = "12025550151", "12025550152"


async def ingest(gateway: Gateway, *items: dict[str, Any], field: str = "group_lifecycle_update") -> None:
    await gateway.ingester.ingest(body(value("111", groups=list(items)), field=field), gateway.scope)


def event(kind: str, *, at: int = NOW_SECONDS, **members: Any) -> dict[str, Any]:
    return {"type": f"group_{kind}", "timestamp": str(at), "group_id": GROUP, **members}


def created(**members: Any) -> dict[str, Any]:
    link = "https://chat.whatsapp.com/x"
    said = {"request_id": "r1", "subject": "Ride", "invite_link": link, "join_approval_mode": "auto_approve"}
    return event("create", **{**said, **members})


def members_come(*people: str, **more: Any) -> dict[str, Any]:
    return event(
        "participants_add", added_participants=[{"wa_id": one} for one in people], reason="invite_link", **more
    )


def members_go(*people: str, **more: Any) -> dict[str, Any]:
    return event("participants_remove", removed_participants=[{"wa_id": one} for one in people], **more)


async def group(gateway: Gateway, group_id: str = GROUP) -> GroupRecord | None:
    return await gateway.database.read(lambda tx: find_group(tx, ACCOUNT, group_id))


async def notices(gateway: Gateway, subject: str = GROUP) -> list[dict[str, Any]]:
    return await gateway.entries(subject, kind="notice")


async def ask_for_a_group(gateway: Gateway, request_id: str = "r1") -> None:
    asked = GroupRecord(
        account_id=ACCOUNT,
        source_id="source-1",
        id=request_id,
        request_id=request_id,
        subject="Ride",
        state=GroupState.CREATING,
        created_at_us=NOW_US,
        changed_at_us=NOW_US,
    )
    await gateway.database.write(lambda tx: keep_request(tx, asked))


async def test_a_group_asked_for_gets_its_id_and_is_found_by_both(gateway: Gateway):
    await ask_for_a_group(gateway)
    assert GroupState.CREATING is (await group(gateway, "r1")).state

    await ingest(gateway, created())

    found = await group(gateway)
    assert (GroupState.ACTIVE, "Ride", "https://chat.whatsapp.com/x") == (found.state, found.subject, found.invite_link)
    assert found == await group(gateway, "r1")
    assert [found] == await gateway.database.read(lambda tx: list_groups(tx, ACCOUNT, at_most=10))
    [notice] = await notices(gateway)
    assert ("group.created", "source-1", "r1") == (notice["type"], notice["source_id"], notice["request_id"])


async def test_the_webhook_may_be_faster_than_our_own_entry(gateway: Gateway):
    await ingest(gateway, created())
    await ask_for_a_group(gateway)

    assert [GROUP] == [g.id for g in await gateway.database.read(lambda tx: list_groups(tx, ACCOUNT, at_most=10))]


async def test_a_group_that_was_not_made_says_why(gateway: Gateway):
    await ask_for_a_group(gateway)
    error = {"code": 131214, "title": "Group creation is not available"}

    await ingest(gateway, {k: v for k, v in created(errors=[error]).items() if k not in ("group_id", "invite_link")})

    found = await group(gateway, "r1")
    assert (GroupState.FAILED, "Group creation is not available") == (found.state, found.failure)
    [notice] = await notices(gateway, "r1")
    assert ("group.failed", "create", 131214) == (notice["type"], notice["operation"], notice["provider_code"])


async def test_members_come_and_go_and_each_change_is_told_once_without_numbers(gateway: Gateway):
    field = "group_participants_update"
    await ingest(gateway, created())
    await ingest(gateway, members_come(ANN, BEA), field=field)
    await ingest(gateway, members_come(ANN), members_come(BEA, at=NOW_SECONDS + 1), field=field)
    await ingest(gateway, members_go(ANN, initiated_by="participant"), field=field)

    assert (BEA,) == (await group(gateway)).participants
    told = (await notices(gateway))[1:]
    assert [(2, 0, 2, "invite_link"), (0, 1, 1, "participant")] == [
        (one["added"], one["removed"], one["participants"], one["reason"]) for one in told
    ]
    assert ANN not in str(told)


async def test_a_wish_to_join_settings_and_suspension_are_told(gateway: Gateway):
    await ingest(gateway, created())
    wish = event("join_request_created", join_request_id="j1", wa_id=ANN)
    await ingest(gateway, wish, field="group_participants_update")
    change = event(
        "settings_update",
        group_subject={"text": "Monday ride", "update_successful": True},
        profile_picture={"update_successful": False, "errors": [{"code": 131209}]},
    )
    await ingest(gateway, change, field="group_settings_update")
    await ingest(gateway, event("suspend"), field="group_status_update")
    assert GroupState.SUSPENDED is (await group(gateway)).state
    await ingest(gateway, event("suspend_cleared"), field="group_status_update")

    found = await group(gateway)
    assert (GroupState.ACTIVE, "Monday ride") == (found.state, found.subject)
    told = {one["type"]: one for one in await notices(gateway)}
    assert ("j1", "created") == (told["group.join_request"]["join_request_id"], told["group.join_request"]["state"])
    assert ("subject", "profile_picture") == (told["group.settings"]["changed"], told["group.settings"]["refused"])
    assert {"group.suspended", "group.resumed"} <= set(told)


async def test_a_deleted_group_stays_deleted_whatever_is_told_late(gateway: Gateway):
    await ingest(gateway, created())
    await ingest(gateway, event("delete"))
    await ingest(gateway, members_come(ANN), field="group_participants_update")

    assert (GroupState.DELETED, ()) == ((await group(gateway)).state, (await group(gateway)).participants)
    assert ["group.created", "group.deleted"] == [one["type"] for one in await notices(gateway)]
    assert [] == await gateway.database.read(lambda tx: list_groups(tx, ACCOUNT, at_most=10))


async def test_news_that_make_no_sense_or_are_anothers_change_nothing(gateway: Gateway):
    await ingest(gateway, event("party"), {"type": "group_create"}, event("create", timestamp="soon"))
    await gateway.ingester.ingest(body(value("999", groups=[created()]), field="group_lifecycle_update"), gateway.scope)

    assert await group(gateway) is None
    assert [("outside_scope",)] == await gateway.rows(
        "SELECT parked_reason FROM raw_webhooks WHERE parked_reason IS NOT NULL"
    )


async def test_a_message_in_a_group_opens_the_groups_window_only_and_says_nothing_of_consent(gateway: Gateway):
    await gateway.ingester.ingest(messages(text("wamid.1", "hi all", group_id=GROUP)), gateway.scope)

    windows = await gateway.rows("SELECT recipient, closes_at_us FROM windows")
    assert [(GROUP, NOW_US + DAY_US)] == windows
    assert [] == await gateway.rows("SELECT 1 FROM consents")
    [(row_id,)] = await gateway.rows("SELECT id FROM inbound_messages")
    [entry] = await gateway.entries(row_id, kind="incoming")
    assert (GROUP, PHONE, "hi all") == (entry["group_id"], entry["from"], entry["text_type"]["text"])


async def test_of_a_group_message_the_first_member_counts_and_one_members_failure_does_not(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.ACCEPTED, wamid="wamid.g")
    token = gateway.token(message_id)

    def said(word: str, member: str | None, *, at: int, **more: Any) -> dict[str, Any]:
        about = {"recipient_id": GROUP, "recipient_type": "group", **more}
        if member is not None:
            about["recipient_participant_id"] = member
        return status("wamid.g", word, at=at, token=token, **about)

    failure = [{"code": 131026, "title": "Message undeliverable"}]
    for item in (
        said("sent", None, at=NOW_SECONDS),
        said("failed", BEA, at=NOW_SECONDS + 1, errors=failure),
        said("delivered", ANN, at=NOW_SECONDS + 2),
        said("read", ANN, at=NOW_SECONDS + 3),
        said("delivered", BEA, at=NOW_SECONDS + 4),
        said("read", BEA, at=NOW_SECONDS + 5),
    ):
        await gateway.ingester.ingest(statuses(item), gateway.scope)

    assert MessageState.READ is await gateway.state(message_id)
    told = [one["status"] for one in await gateway.entries(message_id, kind="event")]
    assert ["sent", "delivered", "read"] == told


async def test_two_nodes_told_of_one_unknown_group_at_once_keep_what_both_were_told(
    gateway: Gateway, database_url: str
):
    """On PostgreSQL neither sees the group that the other has not committed yet."""
    come = GroupChange(
        event=GroupEvent.PARTICIPANTS, operation="participants_add", occurred_at_us=NOW_US, group_id=GROUP, added=(ANN,)
    )
    other = await asyncio.to_thread(connector_for(database_url).open_writer)
    other.begin()
    assert apply_change(other.tx, account_id=ACCOUNT, source_id="source-1", change=come).is_news
    ingesting = asyncio.ensure_future(ingest(gateway, created()))
    async with asyncio.timeout(30):
        while database_url.startswith("postgresql") and not await gateway.database.read(
            lambda tx: tx.one(_WAITING_FOR_LOCK)
        ):
            pass
    other.commit()
    other.close()
    await ingesting

    found = await group(gateway)
    assert ((ANN,), "Ride", GroupState.ACTIVE) == (found.participants, found.subject, found.state)
    assert ["group.created"] == [one["type"] for one in await notices(gateway)]


async def test_our_own_entry_of_a_group_does_not_undo_that_it_was_not_made(gateway: Gateway):
    error = {"code": 131214, "title": "Group creation is not available"}
    await ingest(gateway, {k: v for k, v in created(errors=[error]).items() if k not in ("group_id", "invite_link")})

    await ask_for_a_group(gateway)

    assert GroupState.FAILED is (await group(gateway, "r1")).state
