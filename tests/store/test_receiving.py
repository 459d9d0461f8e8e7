"""What webhooks leave behind, statement by statement."""

from waypost.domain.consent import ConsentAction
from waypost.domain.errors import FailureReason
from waypost.domain.status import Status, StatusFact
from waypost.store.engine import Database
from waypost.store.following import ParkedStatus, Proof, park_statuses, prove_attempts, take_parked
from waypost.store.receiving import (
    RawWebhook,
    find_quoted,
    insert_consent_history,
    insert_inbound_media,
    keep_webhooks,
    record_inbound_consents,
    widen_windows,
)
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import ATTEMPTS

KEY = ("account-1", "12025550143")


def webhook(row_id: str, digest: str, parked_reason: str | None = None) -> RawWebhook:
    return RawWebhook(row_id, digest, 1, b'{"\x00":1}', parked_reason)


async def test_webhooks_are_fresh_when_new_or_not_wholly_kept(database: Database):
    first = [webhook("1", "a"), webhook("2", "b", "malformed")]
    again = [webhook("3", "a"), webhook("4", "b", "outside_scope"), webhook("5", "c")]

    assert await database.write(lambda tx: keep_webhooks(tx, first)) == {"a", "b"}
    assert await database.write(lambda tx: keep_webhooks(tx, again)) == {"b", "c"}
    assert await database.write(lambda tx: keep_webhooks(tx, [])) == set()

    rows = await database.read(lambda tx: tx.rows(Sql("SELECT id, parked_reason FROM raw_webhooks ORDER BY id")))
    assert rows == [("1", None), ("2", "outside_scope"), ("5", None)]


async def test_a_window_only_ever_grows(database: Database):
    for closes_at_us, last_us in ((100, 10), (50, 20), (200, 5)):
        await database.write(
            lambda tx, row=("s", "r", closes_at_us, last_us): widen_windows(tx, [row])  # type: ignore[misc]
        )

    rows = await database.read(lambda tx: tx.rows(Sql("SELECT closes_at_us, last_inbound_at_us FROM windows")))
    assert rows == [(200, 20)]


async def test_consents_that_did_not_change_are_not_returned(database: Database):
    first = await database.write(lambda tx: record_inbound_consents(tx, optouts=[], optins=[(KEY, 10)]))
    same = await database.write(lambda tx: record_inbound_consents(tx, optouts=[], optins=[(KEY, 20)]))
    stop = await database.write(lambda tx: record_inbound_consents(tx, optouts=[(KEY, 30)], optins=[]))
    late = await database.write(lambda tx: record_inbound_consents(tx, optouts=[(KEY, 5)], optins=[(KEY, 30)]))

    assert first == [(KEY, ConsentAction.OPTIN, 10)]
    assert stop == [(KEY, ConsentAction.OPTOUT, 30)]
    assert same == late == []


async def test_history_says_who_said_what_when(database: Database):
    await database.write(lambda tx: insert_consent_history(tx, [("1", KEY, ConsentAction.OPTOUT, 30)]))

    sql = Sql("SELECT account_id, recipient, action, origin, at_us FROM consent_history")
    assert await database.read(lambda tx: tx.rows(sql)) == [(*KEY, "optout", "WHATSAPP", 30)]


async def test_a_file_known_already_is_left_alone(database: Database):
    row = ("account-1", "77", "image/png", "image", None, "source-1", 5)
    await database.write(lambda tx: insert_inbound_media(tx, [row]))
    await database.write(lambda tx: insert_inbound_media(tx, [("account-1", "77", "x", "video", "n", "source-2", 9)]))

    sql = Sql("SELECT mime_type, kind, source_id, due_at_us FROM media_assets")
    assert await database.read(lambda tx: tx.rows(sql)) == [("image/png", "image", "source-1", 5)]


async def test_nothing_quoted_is_nothing_found(database: Database):
    assert await database.read(lambda tx: find_quoted(tx, ["wamid.1"])) == {}


async def test_parked_statuses_come_back_as_they_were_and_once(database: Database):
    fact = StatusFact(
        status=Status.FAILED,
        occurred_at_us=7,
        reason=FailureReason.OUTSIDE_WINDOW,
        provider_code=131047,
        detail="d",
    )
    sent = StatusFact(status=Status.SENT, occurred_at_us=3)
    rows = [
        ("1", ParkedStatus("s", "wamid.1", fact), "12025550143"),
        ("2", ParkedStatus("s", "wamid.1", sent), None),
        ("3", ParkedStatus("s", "wamid.2", sent), None),
    ]
    await database.write(lambda tx: park_statuses(tx, rows, now_us=9))

    taken = await database.write(lambda tx: take_parked(tx, ["wamid.1"]))

    assert sorted(taken, key=lambda parked: parked.fact.occurred_at_us) == [rows[1][1], rows[0][1]]
    assert await database.write(lambda tx: take_parked(tx, ["wamid.1"])) == []
    assert len(await database.write(lambda tx: take_parked(tx, ["wamid.2"]))) == 1


async def test_an_attempt_is_proven_once_and_by_the_first_id(database: Database):
    columns = ("message_id", "number", "account_id", "source_id", "node", "epoch", "started_at_us", "outcome")
    attempts = [("m", number, "a", "s", "n", 1, 1, outcome) for number, outcome in ((1, "in_doubt"), (2, None))]
    await database.write(lambda tx: tx.write_many(InsertMany(ATTEMPTS, columns), attempts))
    proofs = [Proof("m", 1, "wamid.1", "resolved"), Proof("m", 2, "wamid.2", None), Proof("m", 3, "wamid.3", None)]

    assert await database.write(lambda tx: prove_attempts(tx, proofs, now_us=9)) == {("m", 1), ("m", 2)}
    assert await database.write(lambda tx: prove_attempts(tx, proofs, now_us=99)) == set()
    assert await database.write(lambda tx: prove_attempts(tx, [], now_us=99)) == set()

    sql = Sql("SELECT number, outcome, wamid, ended_at_us FROM attempts ORDER BY number")
    assert await database.read(lambda tx: tx.rows(sql)) == [(1, "resolved", "wamid.1", 9), (2, None, "wamid.2", None)]
