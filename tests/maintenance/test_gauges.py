"""What is measured of the backlog, and what is refused because of it; on both databases."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.maintenance.conftest import NOW_US, SECOND_US, CountedIds, EveryShard, HandClock, Rows

from waypost.domain.policy import SourcePolicy
from waypost.maintenance.gauges import Gauges
from waypost.observe.metrics import Metrics
from waypost.settings import LimitSettings
from waypost.store.accounts import create_account
from waypost.store.directory import Account, Directory
from waypost.store.endpoints import NewEndpoint, create_endpoint, delete_endpoint, new_webhook_secret
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Tx


class NoShard(EveryShard):
    """Owns nothing."""

    def owned(self) -> frozenset[int]:
        return frozenset()


def _account(account_id: str = "a", *, at_most: int | None = None) -> Account:
    return Account(
        id=account_id,
        name="A",
        skip_optin=False,
        implicit_optin=True,
        linktrack=False,
        at_most_once=False,
        source_policy=SourcePolicy.STRICT,
        stop_words=(),
        requests_per_second_max=None,
        queued_messages_max=at_most,
    )


def _source(source_id: str, account_id: str) -> dict[str, Any]:
    return {
        "id": source_id,
        "account_id": account_id,
        "name": "Shop",
        "phone_number": "12025550199",
        "phone_number_id": source_id,
        "waba_id": "w",
        "provider": "sandbox",
        "access_token_sealed": b"x",
        "verify_token_sealed": b"x",
        "shard": 3,
        "created_at_us": NOW_US,
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def gauges(database: Database, directory: Directory, clock: HandClock, metrics: Metrics, rows: Rows) -> Gauges:
    await rows.add("sources", **_source("s", "a"))
    await rows.add("sources", **_source("t", "b"))
    return Gauges(
        database=database,
        directory=directory,
        leases=EveryShard(),
        clock=clock,
        metrics=metrics,
        limits=LimitSettings(account_queued_max=4, queued_max=6),
        queue_items_max=5,
    )


def _values(metrics: Metrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


async def test_depth_and_age_are_shown_by_state(
    gauges: Gauges, rows: Rows, metrics: Metrics, ids: CountedIds, clock: HandClock
) -> None:
    for number, state in enumerate((10, 20, 20, 30, 30, 30, 40, 50, 60, 200)):
        at_us = NOW_US - (20 - number) * SECOND_US
        await rows.add_message(ids.at(at_us, number), accepted_at_us=at_us, state=state)
    await gauges.turn()
    shown = _values(metrics)
    depths = {state: shown["waypost_dispatch_queue_messages", state] for state in ("scheduled", "waiting", "queued")}
    assert depths == {"scheduled": 1, "waiting": 2, "queued": 3}
    assert shown["waypost_dispatch_queue_messages", "dispatching"] == 1
    assert shown["waypost_dispatch_in_doubt", ""] == 1
    assert shown["waypost_dispatch_queue_oldest_seconds", "scheduled"] == pytest.approx(20, abs=0.01)
    assert shown["waypost_dispatch_queue_oldest_seconds", "queued"] == pytest.approx(17, abs=0.01)


async def test_an_empty_queue_has_depth_and_age_zero(gauges: Gauges, metrics: Metrics) -> None:
    await gauges.turn()
    shown = _values(metrics)
    assert shown["waypost_dispatch_queue_messages", "queued"] == 0
    assert shown["waypost_dispatch_queue_oldest_seconds", "queued"] == 0
    assert shown["waypost_notify_oldest_seconds", ""] == 0


async def test_metrics_tell_of_the_shards_owned_here_but_limits_of_all(
    gauges: Gauges, rows: Rows, metrics: Metrics, ids: CountedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "_leases", NoShard())
    for _ in range(4):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US)
    await gauges.turn()
    assert _values(metrics)["waypost_dispatch_queue_messages", "queued"] == 0
    assert gauges.refuses(_account()) == 429


async def test_an_account_at_its_limit_is_refused_and_no_other(gauges: Gauges, rows: Rows, ids: CountedIds) -> None:
    for state in (10, 20, 30):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US, state=state)
    await gauges.turn()
    assert gauges.refuses(_account()) is None
    assert gauges.refuses(_account(at_most=3)) == 429
    await rows.add_message(ids.new(), accepted_at_us=NOW_US, state=30)
    await gauges.turn()
    assert gauges.refuses(_account()) == 429
    assert gauges.refuses(_account(at_most=5)) is None
    assert gauges.refuses(_account("b")) is None


async def test_a_full_gateway_refuses_everybody(gauges: Gauges, rows: Rows, ids: CountedIds) -> None:
    for number in range(6):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US, source_id="st"[number % 2])
    await gauges.turn()
    assert gauges.refuses(_account()) == 503
    assert gauges.refuses(_account("c")) == 503


async def test_too_many_waiting_writes_refuse_everybody(gauges: Gauges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges._database, "waiting_items", lambda: 5)
    assert gauges.refuses(_account()) == 503


async def test_notifications_of_living_endpoints_are_shown_by_state_with_the_age_of_the_first_due(  # noqa: PLR0917
    gauges: Gauges, rows: Rows, metrics: Metrics, database: Database, directory: Directory, sealer: Sealer
) -> None:
    def prepare(tx: Tx) -> None:
        create_account(tx, account_id="a", name="A", now_us=NOW_US)
        for endpoint_id in ("e", "gone"):
            new = NewEndpoint(
                id=endpoint_id,
                account_id="a",
                name="Hook",
                url="https://hooks.example.org/",
                kinds=frozenset({"event"}),
                secret=new_webhook_secret(),
            )
            create_endpoint(tx, sealer, new, now_us=NOW_US)
        delete_endpoint(tx, "a", "gone", now_us=NOW_US)
        tx.run(Sql("DELETE FROM sources"))

    await database.write(prepare)
    await directory.refresh()
    for number, (endpoint_id, state, due_at_us) in enumerate(
        (("e", 0, NOW_US - 9 * SECOND_US), ("e", 0, NOW_US), ("e", 1, 0), ("e", 2, 0), ("gone", 0, 0), ("gone", 2, 0))
    ):
        await rows.add(
            "notifications",
            id=f"n{number}",
            account_id="a",
            endpoint_id=endpoint_id,
            subject_id="m",
            kind="event",
            entry="{}",
            state=state,
            due_at_us=due_at_us,
            created_at_us=NOW_US,
        )
    await gauges.turn()
    shown = _values(metrics)
    assert shown["waypost_notify_notifications", "pending"] == 2
    assert shown["waypost_notify_notifications", "dead"] == 1
    assert shown["waypost_notify_oldest_seconds", ""] == 9


async def test_the_service_keeps_its_last_measurement_while_the_store_is_away(
    gauges: Gauges, rows: Rows, ids: CountedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waypost.maintenance.gauges.TURN_SECONDS", 0.01)
    for _ in range(4):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US)
    turn, turns = gauges.turn, []
    stopping = asyncio.Event()

    async def away_the_second_time():
        turns.append(1)
        if len(turns) == 2:
            stopping.set()
            raise StoreUnavailableError("away")
        await turn()

    monkeypatch.setattr(gauges, "turn", away_the_second_time)
    async with asyncio.timeout(10):
        await gauges.run(stopping)
    assert gauges.refuses(_account()) == 429


async def test_the_backlog_is_counted_through_its_partial_indexes(database_url: str, database: Database, rows: Rows):
    if not database_url.startswith("sqlite"):
        # PostgreSQL plans by statistics, and has none of an empty table.
        return
    for statement, index in (
        ("SELECT source_id, COUNT(*), MIN(id) FROM messages WHERE state = 30 GROUP BY source_id", "messages_ready"),
        (
            "SELECT source_id, COUNT(*), MIN(id) FROM messages WHERE state = 20 GROUP BY source_id",
            "messages_waiting_lane",
        ),
        (
            "SELECT source_id, COUNT(*), MIN(id) FROM messages WHERE state IN (10, 20) AND due_at_us >= 0 "  # noqa: ISC004
            "AND state = 10 GROUP BY source_id",
            "messages_due",
        ),
    ):
        plan = await rows.all(f"EXPLAIN QUERY PLAN {statement}")
        assert any(index in row[3] for row in plan), plan
