"""
Consents: who may be written to, by what evidence, and what has become of it over time.

Changes of many callers are written together: one statement locks all their recipients, one saves them, one keeps the
history. The rows that a change touches are the rows that the intent to send locks, so an opt-out that is acknowledged
is known to every later send (POL-2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.domain.consent import Consent, ConsentAction, ConsentEvidence, ConsentState
from waypost.domain.ids import BEFORE_ALL
from waypost.ports import IdFactory
from waypost.store.statements import Dialect, InsertMany, Sql, UpdateMany
from waypost.store.tables import CONSENT_HISTORY, CONSENTS
from waypost.store.transaction import Row, Tx

CONSENT_COLUMNS: Final = (
    "c.recipient, c.state, c.is_implied, c.is_blocklisted, c.origin, c.user_agent, c.ip, c.changed_at_us"
)
ConsentKey = tuple[str, str]
"""(account id, recipient)."""

_LOCK_CLASS: Final = 0x636F6E73
_ENSURE: Final = InsertMany(
    CONSENTS, ("account_id", "recipient", "changed_at_us"), on_conflict="(account_id, recipient) DO NOTHING"
)
_LOCK: Final = Sql(
    f"SELECT c.account_id, {CONSENT_COLUMNS} FROM ROWS(:account_id text, :recipient text) AS v "  # noqa: S608
    "JOIN consents c ON c.account_id = v.account_id AND c.recipient = v.recipient "
    "ORDER BY c.account_id, c.recipient FOR UPDATE OF c"
)
# Advisory locks and not row locks, because of most recipients there is no row; a thousand places, because the server
# keeps room for a few thousand locks in all. Taken in the order of their numbers, so that nobody waits in a circle.
_PLACES: Final = """
    FROM (
        SELECT DISTINCT (hashtextextended(v.account_id || ' ' || v.recipient, 0) & 1023)::integer AS place
        FROM ROWS(:account_id text, :recipient text) AS v ORDER BY place
    ) AS p
"""
_HOLD_PLACES: Final = Sql(f"SELECT COUNT(pg_advisory_xact_lock_shared({_LOCK_CLASS}, p.place)) {_PLACES}")
_CLAIM_PLACES: Final = Sql(f"SELECT COUNT(pg_advisory_xact_lock({_LOCK_CLASS}, p.place)) {_PLACES}")
_SAVE: Final = UpdateMany(
    CONSENTS,
    ("state", "is_implied", "is_blocklisted", "origin", "user_agent", "ip", "changed_at_us"),
    keys=("account_id", "recipient"),
)
_INSERT_HISTORY: Final = InsertMany(
    CONSENT_HISTORY, ("id", "account_id", "recipient", "action", "origin", "user_agent", "ip", "at_us")
)
_FIND: Final = Sql(
    f"SELECT {CONSENT_COLUMNS} FROM consents c WHERE c.account_id = :account_id AND c.recipient = ANY(:recipients)"  # noqa: S608
)
_LIST: Final = Sql(
    f"SELECT {CONSENT_COLUMNS} FROM consents c WHERE c.account_id = :account_id AND c.recipient > :after "  # noqa: S608
    "ORDER BY c.recipient LIMIT :at_most"
)
_HISTORY: Final = Sql(
    "SELECT id, recipient, action, origin, user_agent, ip, at_us FROM consent_history "
    "WHERE account_id = :account_id AND recipient = :recipient AND id < :before ORDER BY id DESC LIMIT :at_most"
)
_ALL_HISTORY: Final = Sql(
    "SELECT id, recipient, action, origin, user_agent, ip, at_us FROM consent_history "
    "WHERE account_id = :account_id AND (recipient, id) > (:recipient, :id) ORDER BY recipient, id LIMIT :at_most"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """
    One recipient's standing as stored; ``origin``, ``user_agent`` and ``ip`` are ``""`` where unknown.

    They and ``changed_at_us`` belong to the last opt-in or opt-out; the blocklist leaves them as they are.
    """

    recipient: str
    consent: Consent
    origin: str
    user_agent: str
    ip: str
    changed_at_us: int

    def is_opted_in(self, *, implicit_optin: bool) -> bool:
        """Say whether there is an opt-in that counts; an implied one does while ``implicit_optin`` is on."""
        consent = self.consent
        return consent.state is ConsentState.OPTED_IN and (implicit_optin or not consent.is_implied)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWrite:
    """One caller's change: the same action for 1 to 1000 recipients of one account; a recipient may stand twice."""

    account_id: str
    action: ConsentAction
    evidence: tuple[ConsentEvidence, ...]
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that was recorded about a recipient's consent."""

    id: str
    recipient: str
    action: str
    origin: str
    user_agent: str
    ip: str
    at_us: int


def hold_consents(tx: Tx, keys: Sequence[ConsentKey]) -> None:
    """
    Let nobody change the consents of these recipients, known or not, before this transaction has ended (POL-2).

    Others may hold them too. On SQLite the one writer is alone anyway.
    """
    _lock(tx, _HOLD_PLACES, keys)


def claim_consents(tx: Tx, keys: Sequence[ConsentKey]) -> None:
    """Wait until nobody holds these recipients, and let nobody hold them before this transaction has ended."""
    _lock(tx, _CLAIM_PLACES, keys)


def _lock(tx: Tx, statement: Sql, keys: Sequence[ConsentKey]) -> None:
    if tx.dialect is Dialect.POSTGRESQL and keys:
        tx.rows(statement, account_id=[key[0] for key in keys], recipient=[key[1] for key in keys])


def record_consents(tx: Tx, ids: IdFactory, writes: Sequence[ConsentWrite]) -> list[list[bool]]:
    """
    Carry out changes in their order; return for each, and each of its recipients, whether it was recorded.

    Only an opt-in is ever not recorded: where an explicit one stands already. Every recorded one is in the history.
    """
    keys = sorted({(write.account_id, one.recipient) for write in writes for one in write.evidence})
    if not keys:
        return [[] for _ in writes]
    claim_consents(tx, keys)
    # A row for each, so that there is something to lock: two first opt-ins at once must not both be the first.
    tx.write_many(_ENSURE, [(*key, writes[0].now_us) for key in keys])
    locked = tx.rows(_LOCK, account_id=[key[0] for key in keys], recipient=[key[1] for key in keys])
    records = {(row[0], row[1]): consent_record(row[1:]) for row in locked}
    history: list[Row] = []
    outcomes: list[list[bool]] = []
    for write in writes:
        outcome: list[bool] = []
        for one in write.evidence:
            key = (write.account_id, one.recipient)
            changed = _changed(records[key], write.action, one, now_us=write.now_us)
            outcome.append(changed is not None)
            if changed is not None:
                records[key] = changed
                history.append(_history_row(ids.new(), write, one))
        outcomes.append(outcome)
    tx.write_many(_SAVE, [_saved_row(account_id, record) for (account_id, _), record in records.items()])
    tx.write_many(_INSERT_HISTORY, history)
    return outcomes


def find_consents(tx: Tx, account_id: str, recipients: Sequence[str]) -> dict[str, ConsentRecord]:
    """Return what is known of these recipients, by recipient; those of whom nothing is known are left out."""
    rows = tx.rows(_FIND, account_id=account_id, recipients=list(recipients))
    return {row[0]: consent_record(row) for row in rows}


def list_consents(tx: Tx, account_id: str, *, after: str = "", at_most: int) -> list[ConsentRecord]:
    """Return the account's consents in the order of the recipients, from the one behind ``after`` on."""
    return [consent_record(row) for row in tx.rows(_LIST, account_id=account_id, after=after, at_most=at_most)]


def list_history(
    tx: Tx, account_id: str, recipient: str, *, before: str = BEFORE_ALL, at_most: int
) -> list[HistoryEntry]:
    """Return what was recorded about one recipient, newest first, older than the entry ``before``."""
    rows = tx.rows(_HISTORY, account_id=account_id, recipient=recipient, before=before, at_most=at_most)
    return [_entry(row) for row in rows]


def list_all_history(tx: Tx, account_id: str, *, after: tuple[str, str] = ("", ""), at_most: int) -> list[HistoryEntry]:
    """
    Return what was recorded about all recipients, one after the other, each oldest first.

    ``after`` is the (recipient, id) of the last entry seen.
    """
    rows = tx.rows(_ALL_HISTORY, account_id=account_id, recipient=after[0], id=after[1], at_most=at_most)
    return [_entry(row) for row in rows]


def _entry(row: Row) -> HistoryEntry:
    return HistoryEntry(
        id=row[0], recipient=row[1], action=row[2], origin=row[3], user_agent=row[4], ip=row[5], at_us=row[6]
    )


def _changed(
    record: ConsentRecord, action: ConsentAction, evidence: ConsentEvidence, *, now_us: int
) -> ConsentRecord | None:
    """Return what an action makes of a record, or None if it is refused."""
    consent = record.consent
    match action:
        case ConsentAction.BLOCKLIST | ConsentAction.WHITELIST:
            return replace(record, consent=replace(consent, is_blocklisted=action is ConsentAction.BLOCKLIST))
        case ConsentAction.OPTIN if consent.state is ConsentState.OPTED_IN and not consent.is_implied:
            return None
        case ConsentAction.OPTIN | ConsentAction.OPTOUT:
            state = ConsentState.OPTED_IN if action is ConsentAction.OPTIN else ConsentState.OPTED_OUT
            return replace(
                record,
                consent=replace(consent, state=state, is_implied=False),
                origin=evidence.source,
                user_agent=evidence.user_agent or "",
                ip=evidence.ip or "",
                changed_at_us=now_us,
            )


def consent_record(row: Row) -> ConsentRecord:
    """Return the record of a row of ``CONSENT_COLUMNS``."""
    return ConsentRecord(
        recipient=row[0],
        consent=Consent(
            state=None if row[1] is None else ConsentState(row[1]),
            is_implied=bool(row[2]),
            is_blocklisted=bool(row[3]),
        ),
        origin=row[4],
        user_agent=row[5],
        ip=row[6],
        changed_at_us=row[7],
    )


def _saved_row(account_id: str, record: ConsentRecord) -> Row:
    consent = record.consent
    return (
        None if consent.state is None else consent.state.value,
        int(consent.is_implied),
        int(consent.is_blocklisted),
        record.origin,
        record.user_agent,
        record.ip,
        record.changed_at_us,
        account_id,
        record.recipient,
    )


def _history_row(entry_id: str, write: ConsentWrite, evidence: ConsentEvidence) -> Row:
    return (
        entry_id,
        write.account_id,
        evidence.recipient,
        write.action.value,
        evidence.source,
        evidence.user_agent or "",
        evidence.ip or "",
        write.now_us,
    )
