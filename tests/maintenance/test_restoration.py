"""After a restore nothing that the backup holds unsent goes out by itself (DUR-8), on both databases."""

from dataclasses import replace

import pytest
from tests.maintenance.conftest import DAY_US, HOUR_US, NOW_US, SECOND_US, CountedIds, EveryShard, HandClock, Rows

from waypost.dispatch.in_doubt import DOUBTS_PER_SWEEP, DoubtWatch, SweepSettings
from waypost.domain.doubt import DoubtLimits
from waypost.domain.message import MessageState
from waypost.domain.status import Status, StatusFact
from waypost.following import StatusReport, follow
from waypost.maintenance.restoration import hold_unsent
from waypost.ports import UuidFactory
from waypost.store.accounts import create_account
from waypost.store.directory import Directory
from waypost.store.endpoints import NewEndpoint, create_endpoint, new_webhook_secret
from waypost.store.engine import Database
from waypost.store.receiving import beat as write_beat
from waypost.store.sealing import Sealer
from waypost.store.sources import NewSource, create_source
from waypost.store.statements import Sql

BACKUP_US = NOW_US - 2 * HOUR_US
UNSENT = {"scheduled": 10, "waiting": 20, "queued": 30}
SETTINGS = SweepSettings(
    sweep_seconds=5.0,
    ingress_gap_seconds=15.0,
    cohort_window_seconds=120.0,
    limits=DoubtLimits(hold_seconds=300.0, cohort_size_min=20, doubt_seconds_max=86_400.0, room_seconds=40.0),
)


class Sweeps:
    """Counts what a watch has done."""

    def __init__(self) -> None:
        self.released = 0
        self.given_up = 0

    def swept(self, *, released: int, given_up: int) -> None:
        self.released += released
        self.given_up += given_up


@pytest.fixture(autouse=True)
async def house(database: Database, directory: Directory, sealer: Sealer) -> None:
    def prepare(tx):
        create_account(tx, account_id="a", name="A", now_us=BACKUP_US)
        source = NewSource(
            id="s",
            account_id="a",
            name="Shop",
            phone_number="12025550199",
            phone_number_id="pn",
            waba_id="w",
            provider="sandbox",
            access_token="t",
            verify_token="v",
        )
        create_source(tx, sealer, source, now_us=BACKUP_US)
        create_source(tx, sealer, replace(source, id="quiet", phone_number_id="pq"), now_us=BACKUP_US)
        create_endpoint(
            tx,
            sealer,
            NewEndpoint(
                id="e",
                account_id="a",
                name="Hook",
                url="https://hooks.example.org/",
                kinds=frozenset({"notice", "event"}),
                secret=new_webhook_secret(),
            ),
            now_us=BACKUP_US,
        )

    await database.write(prepare)
    await directory.refresh()


@pytest.fixture
async def backup(rows: Rows, database: Database) -> None:
    """A message in each state, and a mark of our ingress, as the backup has them."""
    for name, state in UNSENT.items():
        await rows.add_message(name, accepted_at_us=BACKUP_US, state=state, wait_reason="lane")
    await rows.add_message(
        "tried", accepted_at_us=BACKUP_US, state=20, attempt_number=3, attempt_started_at_us=BACKUP_US
    )
    await rows.add_message("on quiet", accepted_at_us=BACKUP_US, source_id="quiet")
    for name, state in (("dispatching", 40), ("in doubt", 50)):
        started = {"attempt_number": 1, "attempt_started_at_us": BACKUP_US}
        await rows.add_message(name, accepted_at_us=BACKUP_US, state=state, **started)
        await rows.add("attempts", **attempt(name, 1), outcome="in_doubt" if state == 50 else None)
    for name, state in (("accepted", 60), ("read", 90), ("failed", 200), ("cancelled", 220)):
        await rows.add_message(name, accepted_at_us=BACKUP_US, state=state)
    await beat(rows, database, BACKUP_US)


def attempt(message_id, number):
    return {
        "message_id": message_id,
        "number": number,
        "account_id": "a",
        "source_id": "s",
        "node": "n",
        "epoch": 1,
        "started_at_us": BACKUP_US,
    }


async def beat(rows, database, at_us):
    await database.write(lambda tx: write_beat(tx, now_us=at_us, gap_seconds=15.0))


@pytest.fixture
def hold(database: Database, directory: Directory, ids: CountedIds, clock: HandClock):
    """Hold everything unsent."""
    return lambda: database.write(
        lambda tx: hold_unsent(tx, directory.now, ids, actor="cli:test", now_us=clock.now_us())
    )


@pytest.fixture
def watch(database: Database, directory: Directory, clock: HandClock, ids: CountedIds):
    """The watch over attempts in doubt, and what it has done."""
    seen = Sweeps()
    made = DoubtWatch(
        database=database,
        directory=directory,
        leases=EveryShard(),
        clock=clock,
        ids=ids,
        settings=SETTINGS,
        observer=seen,
        on_released=lambda: None,
        on_told=lambda: None,
    )
    return made, seen


async def states(rows):
    return dict(await rows.all("SELECT id, state FROM messages"))


@pytest.mark.usefixtures("backup")
async def test_all_that_was_unsent_is_in_doubt_and_nothing_else_is_touched(rows, hold):
    held = await hold()

    assert (1, 2, 2, 1, 1) == (held.scheduled, held.waiting, held.queued, held.dispatching, held.in_doubt_before)
    assert BACKUP_US == held.away_since_us
    after = await states(rows)
    in_doubt = {*UNSENT, "tried", "on quiet", "dispatching", "in doubt"}
    assert in_doubt == {name for name, state in after.items() if state == MessageState.IN_DOUBT}
    assert {"accepted": 60, "read": 90, "failed": 200, "cancelled": 220} == {
        name: state for name, state in after.items() if name not in in_doubt
    }


@pytest.mark.usefixtures("backup")
async def test_each_has_the_attempt_that_may_have_been_made(rows, hold):
    await hold()

    found = await rows.all(
        "SELECT m.id, m.attempt_number, a.outcome, a.ended_at_us, m.wait_reason FROM messages m "
        "JOIN attempts a ON a.message_id = m.id AND a.number = m.attempt_number WHERE m.state = 50"
    )
    assert {(name, number) for name, number, *_ in found} == {
        *((name, 1) for name in (*UNSENT, "on quiet", "dispatching", "in doubt")),
        ("tried", 4),
    }
    assert {("in_doubt", None, None)} == {tuple(row[2:]) for row in found}


@pytest.mark.usefixtures("backup")
async def test_what_was_held_is_told_once_and_by_whom_is_kept(rows, hold):
    held = await hold()

    told = await rows.all("SELECT subject_id, entry FROM notifications WHERE kind = 'notice'")
    assert {*UNSENT, "tried", "on quiet", "dispatching"} == {row[0] for row in told}
    assert len(told) == held.told == 6
    assert all("message.in_doubt" in row[1] for row in told)
    assert [("cli:test", "database.restored")] == await rows.all("SELECT actor, action FROM audit_log")


@pytest.mark.usefixtures("backup")
async def test_a_second_run_changes_nothing(rows, hold):
    await hold()
    before = await rows.all("SELECT id, state, attempt_number FROM messages ORDER BY id")

    held = await hold()

    assert (0, 0, 0, 0, 7) == (held.scheduled, held.waiting, held.queued, held.dispatching, held.in_doubt_before)
    assert before == await rows.all("SELECT id, state, attempt_number FROM messages ORDER BY id")
    assert 0 == held.told


@pytest.mark.usefixtures("backup")
async def test_the_time_since_the_backup_is_a_gap_of_our_ingress(rows, hold, database, clock):
    await hold()

    assert [(BACKUP_US, NOW_US)] == await rows.all("SELECT started_at_us, ended_at_us FROM ingress_gaps")
    clock.forward(us=20 * SECOND_US)
    await beat(rows, database, clock.now_us())
    assert (NOW_US, NOW_US + 20 * SECOND_US) in await rows.all("SELECT started_at_us, ended_at_us FROM ingress_gaps")


@pytest.mark.usefixtures("backup")
async def test_no_evidence_ever_releases_what_was_held(rows, hold, watch, database, clock):
    sweeper, seen = watch
    await hold()
    # As if our ingress had never been away, and every neighbour had had its status: the most that evidence can say.
    await database.write(lambda tx: tx.run(Sql("DELETE FROM ingress_gaps")))

    for _ in range(60):
        clock.forward(us=10 * SECOND_US)
        await beat(rows, database, clock.now_us())
        await sweeper.sweep()

    assert (0, 0) == (seen.released, seen.given_up)
    assert not {10, 20, 30, 40} & set((await states(rows)).values())


@pytest.mark.usefixtures("backup")
async def test_what_was_held_ends_unknown_after_a_day_and_is_told(rows, hold, watch, clock):
    sweeper, seen = watch
    await hold()
    clock.forward(us=DAY_US)

    assert 7 == await sweeper.sweep()

    assert (0, 7) == (seen.released, seen.given_up)
    assert 7 == list((await states(rows)).values()).count(MessageState.UNKNOWN)
    failed = await rows.all("SELECT subject_id FROM notifications WHERE kind = 'event'")
    assert 7 == len({row[0] for row in failed})


@pytest.mark.usefixtures("backup")
@pytest.mark.parametrize("number", [1, 2, 9])
async def test_a_status_of_an_attempt_made_after_the_backup_is_bound(rows, hold, database, directory, number):
    await hold()
    report = StatusReport(
        source_id="s",
        message_id="queued",
        wamid="wamid.A",
        number=number,
        fact=StatusFact(status=Status.DELIVERED, occurred_at_us=NOW_US),
    )

    followed = await database.write(lambda tx: follow(tx, directory.now, UuidFactory(), [report], now_us=NOW_US))

    assert 1 == followed.resolved
    assert [(MessageState.DELIVERED, "wamid.A")] == await rows.all(
        "SELECT state, wamid FROM messages WHERE id = 'queued'"
    )


async def test_those_that_only_wait_do_not_keep_one_that_is_over_from_ending(rows, hold, watch, clock, ids):
    sweeper, seen = watch
    for number in range(DOUBTS_PER_SWEEP + 5):
        await rows.add_message(ids.at(BACKUP_US, number), accepted_at_us=BACKUP_US)
    last = ids.at(BACKUP_US, 999_999)
    await rows.add_message(last, accepted_at_us=BACKUP_US, expires_at_us=NOW_US + SECOND_US)
    await hold()
    clock.forward(us=2 * SECOND_US)

    await sweeper.sweep()

    assert (0, 1) == (seen.released, seen.given_up)
    assert MessageState.UNKNOWN == (await states(rows))[last]


async def test_a_backup_that_never_saw_our_ingress_is_held_too(rows, hold):
    await rows.add_message("m", accepted_at_us=BACKUP_US)

    held = await hold()

    assert held.away_since_us is None
    assert {"m": MessageState.IN_DOUBT} == await states(rows)
    assert [(0, NOW_US)] == await rows.all("SELECT started_at_us, ended_at_us FROM ingress_gaps")
