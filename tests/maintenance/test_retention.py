"""Rows are gone once they are due, and none is gone early; on both databases."""

import asyncio
from collections.abc import Callable

import orjson
import pytest
from tests.maintenance.conftest import DAY_US, HOUR_US, NOW_US, SECOND_US, CountedIds, HandClock, Rows

from waypost.domain.bulk import BulkState
from waypost.domain.ids import first_id_at
from waypost.domain.message import MessageKind
from waypost.maintenance import retention as module
from waypost.maintenance.retention import Retention
from waypost.settings import RetentionSettings
from waypost.store.bulk import add_rows, change_state, create_bulk, hold_bulk, list_bulks
from waypost.store.content import decode_content
from waypost.store.engine import Database
from waypost.store.feeding import delete_oldest_bulk
from waypost.store.retention import BLANK_CONTENT
from waypost.store.transaction import Tx

_SETTINGS = RetentionSettings()


class NoBlobs:
    """No test here has files."""

    async def delete(self, digest: str) -> None:
        raise AssertionError(digest)


@pytest.fixture
def make(database: Database, clock: HandClock, ids: CountedIds) -> Callable[[], Retention]:
    """Return a function that makes the service anew, as a restart does."""

    def make() -> Retention:
        return Retention(
            database=database,
            blobs=NoBlobs(),
            clock=clock,
            ids=ids,
            settings=_SETTINGS,
            parked_hours=336.0,
            pause_seconds=0.0,
        )

    return make


@pytest.fixture
def retention(make: Callable[[], Retention]) -> Retention:
    return make()


async def _contents(rows: Rows) -> dict[str, str]:
    return dict(await rows.all("SELECT id, content FROM messages"))  # type: ignore[arg-type]


async def test_content_goes_within_a_day_of_being_due_and_not_a_moment_before(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    message_id = ids.new()
    await rows.add_message(message_id, accepted_at_us=NOW_US, state=80, delivered_at_us=NOW_US + HOUR_US)
    clock.forward(us=HOUR_US + 30 * DAY_US - 1)
    await retention.sweep()
    assert "hello" in (await _contents(rows))[message_id]
    clock.forward(us=12 * HOUR_US)
    assert (await retention.sweep())["messages_text"] == 1
    assert (await _contents(rows))[message_id] == BLANK_CONTENT["text"]
    assert (await retention.sweep())["messages_text"] == 0


async def test_a_message_goes_with_its_attempts_when_it_is_due_and_not_a_moment_before(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    message_id = ids.new()
    await rows.add_message(message_id, accepted_at_us=NOW_US, state=200, ended_at_us=NOW_US + HOUR_US)
    for number in (1, 2):
        await rows.add(
            "attempts",
            message_id=message_id,
            number=number,
            account_id="a",
            source_id="s",
            node="n",
            epoch=1,
            started_at_us=NOW_US,
        )
    clock.forward(us=HOUR_US + 90 * DAY_US - 1)
    await retention.sweep()
    assert await rows.column("messages") == [message_id]
    assert len(await rows.column("attempts", "number")) == 2
    clock.forward(us=1)
    assert (await retention.sweep())["messages"] == 1
    assert await rows.column("messages") == []
    assert await rows.column("attempts", "number") == []


@pytest.mark.parametrize("state", [10, 20, 30, 40, 50])
async def test_a_message_that_has_not_ended_stays_whole_for_ever(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock, state: int
) -> None:
    message_id = ids.new()
    await rows.add_message(message_id, accepted_at_us=NOW_US, state=state)
    clock.forward(us=3000 * DAY_US)
    await retention.sweep()
    assert "hello" in (await _contents(rows))[message_id]


async def test_a_late_status_puts_off_the_end_of_keeping(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    message_id = ids.new()
    await rows.add_message(
        message_id, accepted_at_us=NOW_US, state=90, delivered_at_us=NOW_US, read_at_us=NOW_US + 20 * DAY_US
    )
    clock.forward(us=95 * DAY_US)
    await retention.sweep()
    assert await rows.column("messages") == [message_id]
    clock.forward(us=16 * DAY_US)
    await retention.sweep()
    assert await rows.column("messages") == []


async def test_a_message_not_done_with_when_the_walk_came_by_is_found_within_a_day(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    late, early = ids.new(), ids.new()
    await rows.add_message(late, accepted_at_us=NOW_US, state=80, delivered_at_us=NOW_US + 2 * DAY_US)
    await rows.add_message(early, accepted_at_us=NOW_US, state=80, delivered_at_us=NOW_US)
    clock.forward(us=31 * DAY_US)
    await retention.sweep()
    assert {key: "hello" in value for key, value in (await _contents(rows)).items()} == {late: True, early: False}
    clock.forward(us=DAY_US)
    await retention.sweep()
    assert "hello" not in (await _contents(rows))[late]


async def test_every_kind_of_blank_content_can_be_read_back(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    for kind in MessageKind:
        await rows.add_message(ids.new(), accepted_at_us=NOW_US, state=80, kind=kind.value, content='{"x":"secret"}')
    clock.forward(us=31 * DAY_US)
    assert (await retention.sweep())["messages_text"] == len(MessageKind)
    for kind, content in await rows.all("SELECT kind, content FROM messages"):
        assert "secret" not in content
        decode_content(MessageKind(kind), content)


async def test_an_inbound_message_loses_its_words_first_and_goes_later(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    inbound_id = ids.new()
    message = {"provider_id": "wamid.1", "profile_name": "P", "kind": "text", "payload": {"body": 'a "payload":{} b'}}
    await rows.add(
        "inbound_messages",
        id=inbound_id,
        account_id="a",
        source_id="s",
        provider_id="wamid.1",
        sender="12025550143",
        kind="text",
        payload=orjson.dumps(message).decode(),
        occurred_at_us=NOW_US,
        received_at_us=NOW_US,
    )
    clock.forward(us=30 * DAY_US - 1)
    assert (await retention.sweep())["inbound_text"] == 0
    clock.forward(us=12 * HOUR_US)
    assert (await retention.sweep())["inbound_text"] == 1
    [(payload,)] = await rows.all("SELECT payload FROM inbound_messages")
    assert orjson.loads(payload) == {**message, "payload": {}, "profile_name": ""}
    clock.forward(us=60 * DAY_US)
    assert (await retention.sweep())["inbound_messages"] == 1
    assert await rows.column("inbound_messages") == []


def _notification(notification_id: str, *, state: int, ended_at_us: int | None = None, endpoint_id: str = "e"):
    return {
        "id": notification_id,
        "account_id": "a",
        "endpoint_id": endpoint_id,
        "subject_id": "m",
        "kind": "event",
        "entry": "{}",
        "state": state,
        "due_at_us": NOW_US,
        "created_at_us": NOW_US,
        "ended_at_us": ended_at_us,
    }


def _endpoint(endpoint_id: str, *, deleted_at_us: int | None = None):
    return {
        "id": endpoint_id,
        "account_id": "a",
        "name": "Hook",
        "url": "https://hooks.example.org/",
        "kinds": '["event"]',
        "secret_sealed": b"x",
        "created_at_us": NOW_US,
        "deleted_at_us": deleted_at_us,
    }


async def test_what_waits_for_a_deleted_endpoint_ends_and_says_why(
    retention: Retention, rows: Rows, ids: CountedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WALK_ROWS", 2)
    await rows.add("webhook_endpoints", **_endpoint("e"))
    await rows.add("webhook_endpoints", **_endpoint("gone", deleted_at_us=NOW_US))
    living = ids.new()
    await rows.add("notifications", **_notification(living, state=0))
    for _ in range(5):
        await rows.add("notifications", **_notification(ids.new(), state=0, endpoint_id="gone"))

    counts = [(await retention.sweep())["undeliverable"] for _ in range(2)]

    assert counts == [5, 0]
    assert await rows.all("SELECT id FROM notifications WHERE state = 0") == [(living,)]
    assert set(await rows.all("SELECT state, ended_at_us, last_error FROM notifications WHERE state <> 0")) == {
        (2, NOW_US, "the endpoint was deleted")
    }


async def test_notifications_go_with_the_text_they_carry_but_never_while_they_may_be_delivered(
    retention: Retention, rows: Rows, ids: CountedIds, clock: HandClock
) -> None:
    await rows.add("webhook_endpoints", **_endpoint("e"))
    delivered, dead, pending, homeless = (ids.new() for _ in range(4))
    await rows.add("notifications", **_notification(delivered, state=1, ended_at_us=NOW_US))
    await rows.add("notifications", **_notification(dead, state=2, ended_at_us=NOW_US + 3 * DAY_US))
    await rows.add("notifications", **_notification(pending, state=0))
    await rows.add("notifications", **_notification(homeless, state=0, endpoint_id="gone"))
    await rows.add(
        "delivery_attempts",
        id=ids.new(),
        account_id="a",
        notification_id=dead,
        endpoint_id="e",
        started_at_us=NOW_US,
        duration_us=5,
    )
    clock.forward(us=30 * DAY_US - 1)
    await retention.sweep()
    assert len(await rows.column("notifications")) == 4
    assert len(await rows.column("delivery_attempts")) == 1
    clock.forward(us=1 + SECOND_US)
    await retention.sweep()
    assert await rows.column("notifications") == sorted([dead, pending])
    assert await rows.column("delivery_attempts") == []
    clock.forward(us=300 * DAY_US)
    await retention.sweep()
    assert await rows.column("notifications") == [pending]


async def _add_aged(rows: Rows) -> None:
    await rows.add("raw_webhooks", id="r", digest="d", received_at_us=NOW_US, body=b"{}")
    await rows.add("parked_statuses", id="p", source_id="s", wamid="w", fact="{}", received_at_us=NOW_US)
    await rows.add(
        "idempotency_records",
        account_id="a",
        operation="send",
        key_hash="k",
        fingerprint="f",
        message_ids="[]",
        created_at_us=NOW_US,
    )
    await rows.add("ingress_gaps", started_at_us=NOW_US - SECOND_US, ended_at_us=NOW_US)
    group = {"account_id": "a", "source_id": "s", "subject": "x", "created_at_us": NOW_US, "changed_at_us": NOW_US}
    await rows.add("chat_groups", id="gone", state="deleted", **group)
    await rows.add("audit_log", id=first_id_at(NOW_US), actor="cli:x", action="a.b", target="t", at_us=NOW_US)
    await rows.add(
        "consent_history",
        id=first_id_at(NOW_US),
        account_id="a",
        recipient="12025550143",
        action="optin",
        origin="API",
        user_agent="",
        ip="",
        at_us=NOW_US,
    )


@pytest.mark.parametrize(
    ("table", "kept_us"),
    [
        ("idempotency_records", 72 * HOUR_US),
        ("raw_webhooks", 14 * DAY_US),
        ("parked_statuses", 14 * DAY_US),
        ("ingress_gaps", 30 * DAY_US),
        ("audit_log", 400 * DAY_US),
        ("chat_groups", 90 * DAY_US),
    ],
)
async def test_each_table_has_its_time(
    retention: Retention, rows: Rows, clock: HandClock, table: str, kept_us: int
) -> None:
    await _add_aged(rows)
    clock.forward(us=kept_us - 1)
    await retention.sweep()
    assert await rows.all(f"SELECT COUNT(*) FROM {table}") == [(1,)]
    clock.forward(us=1 + SECOND_US)
    assert (await retention.sweep())[table] == 1
    assert await rows.all(f"SELECT COUNT(*) FROM {table}") == [(0,)]


async def test_a_living_group_stays(retention: Retention, rows: Rows, clock: HandClock) -> None:
    group = {"account_id": "a", "source_id": "s", "subject": "x", "created_at_us": NOW_US, "changed_at_us": NOW_US}
    await rows.add("chat_groups", id="living", state="active", **group)
    clock.forward(us=3000 * DAY_US)
    await retention.sweep()
    assert await rows.all("SELECT id FROM chat_groups") == [("living",)]


async def test_the_history_of_consent_stays(retention: Retention, rows: Rows, clock: HandClock) -> None:
    await _add_aged(rows)
    clock.forward(us=3000 * DAY_US)
    await retention.sweep()
    assert await rows.all("SELECT COUNT(*) FROM consent_history") == [(1,)]


async def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    make: Callable[[], Retention], rows: Rows, ids: CountedIds, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WALK_ROWS", 2)
    for _ in range(5):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US, state=80, delivered_at_us=NOW_US)
    clock.forward(us=31 * DAY_US)
    retention = make()
    retention._stopping.set()
    assert (await retention.sweep())["messages_text"] == 2
    assert (await make().sweep())["messages_text"] == 3
    assert all("hello" not in content for content in (await _contents(rows)).values())


async def test_the_service_stops_when_asked_and_has_swept_by_then(
    retention: Retention, rows: Rows, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _add_aged(rows)
    clock.forward(us=500 * DAY_US)
    stopping = asyncio.Event()
    sweep = retention.sweep

    async def sweep_and_stop() -> dict[str, int]:
        counts = await sweep()
        stopping.set()
        return counts

    monkeypatch.setattr(retention, "sweep", sweep_and_stop)
    async with asyncio.timeout(10):
        await retention.run(stopping)
    assert await rows.all("SELECT COUNT(*) FROM raw_webhooks") == [(0,)]


async def test_a_bulk_send_goes_with_its_rows_when_it_ended_long_ago_and_one_under_way_stays(
    retention: Retention, database: Database, clock: HandClock
) -> None:
    def fill(tx: Tx) -> None:
        for bulk_id, state in (("done", BulkState.DONE), ("draft", None), ("paused", BulkState.PAUSED)):
            create_bulk(tx, bulk_id=bulk_id, account_id="a", name="x", digest=None, entry="{}", now_us=NOW_US)
            held = hold_bulk(tx, "a", bulk_id)
            assert held is not None
            add_rows(tx, held, first=0, rows=[("12025550143", "{}")] * 1500)
            if state is not None:
                change_state(tx, "a", bulk_id, BulkState.RUNNING, now_us=NOW_US)
                change_state(tx, "a", bulk_id, state, now_us=NOW_US + HOUR_US)

    await database.write(fill)
    clock.forward(us=30 * DAY_US)
    assert (await retention.sweep())["bulk_rows"] == 1501, "the draft, as old as its making"
    clock.forward(us=HOUR_US)
    assert (await retention.sweep())["bulk_rows"] == 1501
    assert (await retention.sweep())["bulk_rows"] == 0
    left = await database.read(lambda tx: list_bulks(tx, "a", before="~", at_most=9))
    assert [record.id for record in left] == ["paused"]


async def test_a_draft_that_has_lost_rows_cannot_be_started(database: Database) -> None:
    def draft(tx: Tx) -> None:
        create_bulk(tx, bulk_id="old", account_id="a", name="x", digest=None, entry="{}", now_us=NOW_US)
        held = hold_bulk(tx, "a", "old")
        assert held is not None
        add_rows(tx, held, first=0, rows=[("12025550143", "{}")] * 3)

    await database.write(draft)
    assert await database.write(lambda tx: delete_oldest_bulk(tx, until_us=NOW_US - 1, places=2)) == 0
    assert await database.write(lambda tx: delete_oldest_bulk(tx, until_us=NOW_US, places=2)) == 2

    assert not await database.write(lambda tx: change_state(tx, "a", "old", BulkState.RUNNING, now_us=NOW_US))
    assert await database.write(lambda tx: delete_oldest_bulk(tx, until_us=NOW_US, places=2)) == 2
    assert await database.read(lambda tx: list_bulks(tx, "a", before="~", at_most=10)) == []
