"""Statements of the notifier, where the end-to-end tests cannot look: plans, bounds, ends that race."""

import pytest

from waypost.store import notifying
from waypost.store.engine import Database
from waypost.store.notifications import insert_notifications
from waypost.store.notifying import DueRow, FailedRow
from waypost.store.statements import Dialect, Sql

NOW_US = 1_900_000_000_000_000


async def add(database: Database, *rows: tuple[str, str, str], due_at_us: int = NOW_US) -> None:
    """Add (id, endpoint, subject)."""
    full = [(id_, "a", endpoint, subject, "event", "{}", due_at_us, NOW_US) for id_, endpoint, subject in rows]
    await database.write(lambda tx: insert_notifications(tx, full))


async def due(database: Database, *endpoints: str, at_most: int = 100, busy: tuple[str, ...] = ()) -> list[DueRow]:
    rows = await database.read(
        lambda tx: notifying.load_due(tx, endpoints, at_most_each=at_most, busy=busy, now_us=NOW_US)
    )
    return sorted(rows)


async def test_endpoints_with_something_due_are_found_whatever_else_there_is(database: Database):
    await add(database, ("1", "e1", "m1"), ("2", "e1", "m2"), ("3", "e3", "m3"))
    await add(database, ("4", "e2", "m4"), due_at_us=NOW_US + 1)

    assert await database.read(lambda tx: notifying.find_due_endpoints(tx, now_us=NOW_US)) == ["e1", "e3"]
    assert await database.read(lambda tx: notifying.find_due_endpoints(tx, now_us=NOW_US - 1)) == []


async def test_each_endpoint_gets_its_own_share_and_what_is_busy_is_left_out(database: Database):
    await add(database, *[(f"a{number:03}", "e1", f"m{number}") for number in range(50)])
    await add(database, ("z1", "e2", "z"))

    rows = await due(database, "e1", "e2", at_most=3, busy=("a000",))

    assert [row.endpoint_id for row in rows] == ["e1", "e1", "e1", "e2"]
    assert "a000" not in [row.id for row in rows]


async def test_a_row_names_the_pending_one_before_it_in_its_lane(database: Database):
    await add(database, ("1", "e1", "m"), ("2", "e1", "m"), ("3", "e1", "m"), ("0", "e2", "m"))

    assert [(row.id, row.earlier_id) for row in await due(database, "e1")] == [("1", None), ("2", "1"), ("3", "2")]
    await database.write(lambda tx: notifying.settle_delivered(tx, ["2"], status=200, now_us=NOW_US))
    assert [(row.id, row.earlier_id) for row in await due(database, "e1")] == [("1", None), ("3", "1")]
    heads = await database.read(lambda tx: notifying.load_heads(tx, [("e1", "m"), ("e2", "m"), ("e9", "m")]))
    assert sorted(head.id for head in heads) == ["0", "1"]


async def test_a_late_failure_does_not_undo_a_delivery(database: Database):
    await add(database, ("1", "e1", "m"))
    await database.write(lambda tx: notifying.settle_delivered(tx, ["1"], status=200, now_us=NOW_US))

    late = FailedRow(
        state=notifying.PENDING, attempts=1, due_at_us=NOW_US, ended_at_us=None, last_status=500, last_error="e", id="1"
    )
    await database.write(lambda tx: notifying.settle_failed(tx, [late]))

    assert await due(database, "e1") == []


async def test_what_waits_is_released_in_bounded_pieces_and_never_half_a_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notifying, "WAITING_ROWS_MAX", 3)
    failed = [
        FailedRow(
            state=notifying.PENDING,
            attempts=1,
            due_at_us=NOW_US + wait,
            ended_at_us=None,
            last_status=None,
            last_error="e",
            id=id_,
        )
        for id_, wait in (("1", 10), ("2", 20), ("3", 30), ("4", 30), ("5", 40))
    ]
    await add(database, *[(row.id, "e1", row.id) for row in failed])
    await database.write(lambda tx: notifying.settle_failed(tx, failed))

    waiting, has_more = await database.read(lambda tx: notifying.find_waiting(tx, "e1", now_us=NOW_US))

    assert (sorted(row[0] for row in waiting), has_more) == (["1", "2", "3", "4"], True)
    await database.write(lambda tx: notifying.release(tx, [row[0] for row in waiting], now_us=NOW_US))
    assert [row.id for row in await due(database, "e1")] == ["1", "2", "3", "4"]
    waiting, has_more = await database.read(lambda tx: notifying.find_waiting(tx, "e1", now_us=NOW_US))
    assert ([row[0] for row in waiting], has_more) == (["5"], False)


@pytest.mark.parametrize("is_analysed", [False, True])
async def test_the_notifier_reads_by_index_however_long_the_backlog(database: Database, is_analysed: bool):
    if is_analysed and database.connector.dialect is Dialect.POSTGRESQL:
        # The worst statistics: of the time when nothing was pending.
        await database.write(lambda tx: tx.run(Sql("ANALYZE notifications")))
    await add(database, *[(f"{number:06}", f"e{number % 2}", f"m{number // 3}") for number in range(20_000)])
    lane = {"endpoint_id": ["e1"], "subject_id": ["m5"]}
    ids = ["000001", "000002"]

    for statement, parameters in (
        (
            notifying._DUE[database.connector.dialect],
            {"endpoint_id": ["e1", "e0"], "busy": ids, "at_most": 50, "now_us": NOW_US},
        ),
        (notifying._DUE_ENDPOINTS, {"now_us": NOW_US}),
        (notifying._HEADS, lane),
        (notifying._RELEASE_LANES, {**lane, "now_us": NOW_US}),
        (notifying._DELIVER, {"ids": ids, "status": 200, "now_us": NOW_US}),
        (notifying._RELEASE, {"ids": ids, "now_us": NOW_US}),
    ):
        assert await rows_touched(database, statement, parameters) < 2_000


async def rows_touched(database: Database, statement: Sql, parameters: dict[str, object]) -> float:
    """Return how many rows PostgreSQL reads, or for SQLite none if every table is searched by an index."""
    explained = Sql("SELECT 1")
    explained.lists, explained.row_sets = statement.lists, statement.row_sets
    explained.postgresql = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement.postgresql
    explained.sqlite = "EXPLAIN QUERY PLAN " + statement.sqlite
    rows = await database.write(lambda tx: tx.rows(explained, **parameters))
    if database.connector.dialect is Dialect.SQLITE:
        scans = [row[3] for row in rows if row[3].startswith("SCAN") and "json_each" not in row[3]]
        return 0 if all(scan.split()[1] in {"p", "v"} for scan in scans) else 1e9
    return sum(_read_by(node) for node in _nodes(rows[0][0][0]["Plan"]))


def _nodes(node: dict) -> list[dict]:
    return [node, *[below for child in node.get("Plans", []) for below in _nodes(child)]]


def _read_by(node: dict) -> float:
    if "Scan" not in node["Node Type"]:
        return 0
    return (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
