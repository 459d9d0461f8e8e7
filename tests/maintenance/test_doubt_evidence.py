"""The evidence about an attempt in doubt is of one moment, on both databases."""

import pytest
from tests.maintenance.conftest import NOW_US, SECOND_US, CountedIds, EveryShard, HandClock, Rows

from waypost.app.observers import DispatchMetrics
from waypost.dispatch import in_doubt
from waypost.domain.doubt import DoubtLimits
from waypost.observe import Metrics
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.statements import Sql

_REPORT = Sql("UPDATE messages SET sent_at_us = :now_us WHERE id = 'm1'")


@pytest.fixture
def watch(database: Database, directory: Directory, clock: HandClock, ids: CountedIds) -> in_doubt.DoubtWatch:
    return in_doubt.DoubtWatch(
        database=database,
        directory=directory,
        leases=EveryShard(),
        clock=clock,
        ids=ids,
        settings=in_doubt.SweepSettings(
            sweep_seconds=1.0,
            ingress_gap_seconds=15.0,
            cohort_window_seconds=60.0,
            limits=DoubtLimits(hold_seconds=300.0, cohort_size_min=1, doubt_seconds_max=86_400.0, room_seconds=30.0),
        ),
        observer=DispatchMetrics(Metrics()),
        on_released=lambda: None,
        on_told=lambda: None,
    )


async def test_a_status_that_comes_while_evidence_is_read_is_in_none_of_it(
    watch: in_doubt.DoubtWatch,
    database: Database,
    database_url: str,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started_at_us = NOW_US - 400 * SECOND_US
    for number, state in enumerate((50, 60)):
        await rows.add_message(
            f"m{number}",
            accepted_at_us=started_at_us,
            state=state,
            attempt_number=1,
            attempt_started_at_us=started_at_us,
        )
        await rows.add(
            "attempts",
            message_id=f"m{number}",
            number=1,
            account_id="a",
            source_id="s",
            node="n",
            epoch=1,
            started_at_us=started_at_us,
            outcome="accepted" if state == 60 else None,
        )
    load_doubts = in_doubt.load_doubts

    def load_then_report(tx, *args, **named):
        doubts = load_doubts(tx, *args, **named)
        connection = connector_for(database_url).open_writer()
        connection.begin()
        connection.tx.run(_REPORT, now_us=NOW_US)
        connection.commit()
        connection.close()
        return doubts

    monkeypatch.setattr(in_doubt, "load_doubts", load_then_report)
    [found] = await database.read(lambda tx: watch._find_at_once(tx, ["s"], NOW_US))
    [after] = await database.read(lambda tx: watch._find_at_once(tx, ["s"], NOW_US))

    assert ("m0", 1, 0) == (found.doubt.message_id, found.cohort.size, found.cohort.reported)
    assert 1 == after.cohort.reported
