"""Consents, on both databases."""

import asyncio

import pytest
from tools.postgres import PostgresCluster

from waypost.domain.consent import Consent, ConsentAction, ConsentEvidence, ConsentState
from waypost.ports import UuidFactory
from waypost.store.connections import connector_for
from waypost.store.consents import (
    ConsentWrite,
    find_consents,
    hold_consents,
    list_all_history,
    list_consents,
    list_history,
    record_consents,
)
from waypost.store.engine import Database, Lane
from waypost.store.statements import Sql

NOW_US = 1_930_000_000_000_000
ONE, TWO = "12025550143", "12025550144"
IDS = UuidFactory()
_WAITING = Sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def _write(
    action: ConsentAction, *recipients: str, account_id: str = "a", now_us: int = NOW_US, source: str = "WEB"
) -> ConsentWrite:
    evidence = tuple(
        ConsentEvidence(recipient=one, source=source, user_agent="Mozilla", ip="198.51.100.20") for one in recipients
    )
    return ConsentWrite(account_id=account_id, action=action, evidence=evidence, now_us=now_us)


async def _record(database: Database, *writes: ConsentWrite) -> list[list[bool]]:
    return await database.write(lambda tx: record_consents(tx, IDS, writes))


async def test_an_opt_in_is_kept_with_its_evidence(database: Database) -> None:
    recorded = await _record(database, _write(ConsentAction.OPTIN, ONE))

    found = await database.read(lambda tx: find_consents(tx, "a", [ONE, TWO]))

    assert recorded == [[True]]
    assert list(found) == [ONE]
    record = found[ONE]
    assert Consent(state=ConsentState.OPTED_IN) == record.consent
    assert (
        record.origin,
        record.user_agent,
        record.ip,
        record.changed_at_us,
    ) == ("WEB", "Mozilla", "198.51.100.20", NOW_US)
    assert record.is_opted_in(implicit_optin=False)


async def test_the_history_of_all_is_read_page_by_page_and_of_one_account(database: Database) -> None:
    await _record(database, _write(ConsentAction.OPTIN, TWO, ONE), _write(ConsentAction.OPTIN, ONE, account_id="b"))
    await _record(database, _write(ConsentAction.OPTOUT, ONE))

    first = await database.read(lambda tx: list_all_history(tx, "a", at_most=2))
    last = (first[-1].recipient, first[-1].id)
    second = await database.read(lambda tx: list_all_history(tx, "a", after=last, at_most=2))

    assert [(entry.recipient, entry.action) for entry in first] == [(ONE, "optin"), (ONE, "optout")]
    assert [(entry.recipient, entry.action) for entry in second] == [(TWO, "optin")]


async def test_a_second_opt_in_is_refused_and_changes_nothing(database: Database) -> None:
    await _record(database, _write(ConsentAction.OPTIN, ONE))

    again = await _record(database, _write(ConsentAction.OPTIN, ONE, TWO, TWO, now_us=NOW_US + 1, source="APP"))

    found = await database.read(lambda tx: find_consents(tx, "a", [ONE, TWO]))
    assert again == [[False, True, False]]
    assert [(found[r].origin, found[r].changed_at_us) for r in (ONE, TWO)] == [("WEB", NOW_US), ("APP", NOW_US + 1)]


async def test_an_explicit_opt_in_takes_the_place_of_an_implied_one(database: Database) -> None:
    from waypost.store.statements import Sql

    imply = Sql(
        "INSERT INTO consents (account_id, recipient, state, is_implied, origin, changed_at_us) "
        "VALUES ('a', :recipient, 'opted_in', 1, 'WHATSAPP', 1)"
    )
    await database.write(lambda tx: tx.run(imply, recipient=ONE))
    before = (await database.read(lambda tx: find_consents(tx, "a", [ONE])))[ONE]

    recorded = await _record(database, _write(ConsentAction.OPTIN, ONE))

    after = (await database.read(lambda tx: find_consents(tx, "a", [ONE])))[ONE]
    assert (before.is_opted_in(implicit_optin=True), before.is_opted_in(implicit_optin=False)) == (True, False)
    assert recorded == [[True]]
    assert after.is_opted_in(implicit_optin=False)


async def test_an_opt_out_of_someone_unknown_is_recorded_too(database: Database) -> None:
    recorded = await _record(database, _write(ConsentAction.OPTOUT, ONE), _write(ConsentAction.OPTOUT, ONE))

    found = await database.read(lambda tx: find_consents(tx, "a", [ONE]))
    assert recorded == [[True], [True]]
    assert found[ONE].consent.state is ConsentState.OPTED_OUT


async def test_the_blocklist_leaves_the_opt_in_as_it_is(database: Database) -> None:
    await _record(database, _write(ConsentAction.OPTIN, ONE))
    before = await database.read(lambda tx: find_consents(tx, "a", [ONE]))

    await _record(database, _write(ConsentAction.BLOCKLIST, ONE, TWO, now_us=NOW_US + 5))
    blocked = await database.read(lambda tx: find_consents(tx, "a", [ONE, TWO]))
    await _record(database, _write(ConsentAction.WHITELIST, ONE, TWO, now_us=NOW_US + 6))
    lifted = await database.read(lambda tx: find_consents(tx, "a", [ONE, TWO]))

    assert [blocked[one].consent.is_blocklisted for one in (ONE, TWO)] == [True, True]
    assert before[ONE] == lifted[ONE]
    assert Consent(state=None) == lifted[TWO].consent


async def test_callers_in_one_commit_are_served_in_their_order(database: Database) -> None:
    outcomes = await _record(
        database,
        _write(ConsentAction.OPTIN, ONE),
        _write(ConsentAction.OPTOUT, ONE),
        _write(ConsentAction.OPTIN, ONE, now_us=NOW_US + 1),
        _write(ConsentAction.OPTIN, ONE),
        _write(ConsentAction.OPTIN, ONE, account_id="b"),
        _write(ConsentAction.OPTIN),
    )

    assert outcomes == [[True], [True], [True], [False], [True], []]


async def test_everything_recorded_is_in_the_history_newest_first(database: Database) -> None:
    for action in (ConsentAction.OPTIN, ConsentAction.OPTIN, ConsentAction.OPTOUT, ConsentAction.BLOCKLIST):
        await _record(database, _write(action, ONE))

    entries = await database.read(lambda tx: list_history(tx, "a", ONE, at_most=2))
    rest = await database.read(lambda tx: list_history(tx, "a", ONE, before=entries[-1].id, at_most=2))

    assert [entry.action for entry in (*entries, *rest)] == ["blocklist", "optout", "optin"]
    assert (rest[0].origin, rest[0].at_us) == ("WEB", NOW_US)


async def test_consents_are_listed_in_pages_and_only_to_their_account(database: Database) -> None:
    await _record(
        database, _write(ConsentAction.OPTIN, ONE, TWO), _write(ConsentAction.OPTIN, "12025550145", account_id="b")
    )

    first = await database.read(lambda tx: list_consents(tx, "a", at_most=1))
    second = await database.read(lambda tx: list_consents(tx, "a", after=ONE, at_most=10))
    foreign = await database.read(lambda tx: (find_consents(tx, "b", [ONE]), list_history(tx, "b", ONE, at_most=10)))

    assert [[record.recipient for record in page] for page in (first, second)] == [[ONE], [TWO]]
    assert foreign == ({}, [])


@pytest.mark.parametrize("lane", [Lane.MANAGE])
async def test_of_two_first_opt_ins_at_once_only_one_is_the_first(database: Database, lane: Lane) -> None:
    outcomes = await asyncio.gather(
        *(
            database.write(lambda tx: record_consents(tx, IDS, [_write(ConsentAction.OPTIN, ONE)]), lane=each)
            for each in (lane, Lane.ACCEPT, Lane.RECEIVE, Lane.NOTIFY)
        )
    )

    assert sorted(outcomes) == [[[False]]] * 3 + [[[True]]]


async def test_a_thousand_recipients_are_recorded_at_once(database: Database) -> None:
    recipients = [str(12_025_550_000 + n) for n in range(1_000)]

    recorded = await _record(database, _write(ConsentAction.OPTIN, *recipients))

    assert recorded == [[True] * 1_000]


async def test_who_holds_a_recipient_known_or_not_is_waited_for_by_a_change(
    postgres_cluster: PostgresCluster, postgres_template: str
) -> None:
    url = postgres_cluster.url(postgres_cluster.create_database(template=postgres_template))
    holder, watcher = connector_for(url).open_writer(), connector_for(url).open_writer()
    database = Database(connector_for(url))
    await database.start()
    holder.begin()
    hold_consents(holder.tx, [("a", ONE), ("a", TWO)])

    change = asyncio.ensure_future(_record(database, _write(ConsentAction.OPTOUT, ONE)))
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(watcher.tx.rows, _WAITING):
            assert not change.done()
    assert find_consents(holder.tx, "a", [ONE]) == {}
    holder.commit()

    assert await change == [[True]]
    await database.stop()
    holder.close()
    watcher.close()
