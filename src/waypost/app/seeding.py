"""A month of invented traffic for the demo's account, written in bulk beside the running of anything."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import orjson

from waypost.app.demo_account import DemoAccount
from waypost.app.foundation import Foundation
from waypost.app.seed_rows import (
    ATTEMPT_COLUMNS,
    DELIVERY_COLUMNS,
    INBOUND_COLUMNS,
    MESSAGE_COLUMNS,
    NOTIFICATION_COLUMNS,
    PEOPLE_MAX,
    Batch,
    Cast,
    Inventor,
    consent_rows,
)
from waypost.domain.conversation import window_end_us
from waypost.store.engine import Lane
from waypost.store.receiving import widen_windows
from waypost.store.sources import NewSource, create_source
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import (
    ATTEMPTS,
    CONSENT_HISTORY,
    CONSENTS,
    DELIVERY_ATTEMPTS,
    INBOUND_MESSAGES,
    MESSAGES,
    NOTIFICATIONS,
)
from waypost.store.tallies import fold_tallies, keep_tallies
from waypost.store.transaction import Tx

MESSAGES_MAX: Final = 5_000_000
SEED: Final = 118
_BATCH: Final = 4_096
_PEOPLE_LEAST: Final = 40
_MESSAGES_A_PERSON: Final = 25

_MESSAGES: Final = InsertMany(MESSAGES, MESSAGE_COLUMNS)
_ATTEMPTS: Final = InsertMany(ATTEMPTS, ATTEMPT_COLUMNS)
_INBOUND: Final = InsertMany(INBOUND_MESSAGES, INBOUND_COLUMNS)
_NOTIFICATIONS: Final = InsertMany(NOTIFICATIONS, NOTIFICATION_COLUMNS)
_DELIVERIES: Final = InsertMany(DELIVERY_ATTEMPTS, DELIVERY_COLUMNS)
_CONSENTS: Final = InsertMany(
    CONSENTS,
    ("account_id", "recipient", "state", "is_implied", "is_blocklisted", "origin", "changed_at_us"),
    on_conflict="(account_id, recipient) DO NOTHING",
)
_HISTORY: Final = InsertMany(
    CONSENT_HISTORY, ("id", "account_id", "recipient", "action", "origin", "user_agent", "ip", "at_us")
)
_LOAD: Final = Sql("SELECT value FROM meta WHERE name = 'demo_seed'")
_SAVE: Final = Sql(
    "INSERT INTO meta (name, value) VALUES ('demo_seed', :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_PAUSE: Final = Sql("UPDATE sources SET paused_reason = :reason, paused_at_us = :now_us WHERE id = :id")

_MORE_SOURCES: Final = (("Demo workshop", "12025550198", None), ("Demo returns", "12025550197", "by hand"))


class Bar(Protocol):
    """Shows how much of a known amount is done."""

    def show(self, done: int, *, note: str = "") -> None:
        """Show that so much is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOrder:
    """
    How many messages the demo's account is to have of ``seed``.

    ``say`` is told in words what is there already; ``open_bar`` opens a bar for so many messages.
    """

    messages: int
    say: Callable[[str], None]
    open_bar: Callable[[int], AbstractContextManager[Bar]]
    seed: int = SEED


async def seed_account(foundation: Foundation, account: DemoAccount, order: SeedOrder) -> int:
    """
    Add what is missing of the messages ordered, with all that belongs to them; return how many were added.

    Each batch is one transaction that also says how far it came: a call that was broken off, or one that orders more,
    goes on behind what is there.
    """
    there, people = await foundation.database.read(_load)
    if there:
        order.say(f"{there:,} seeded messages are there already.")
    if there >= order.messages:
        return 0
    now_us = foundation.clock.now_us()
    cast = await _provide_cast(foundation, account, messages=order.messages, there=there, known=people, now_us=now_us)
    inventor = Inventor(cast, seed=order.seed, first=there, until=order.messages, now_us=now_us)
    done = there
    with order.open_bar(order.messages - there) as bar:
        for batch in inventor.batches(_BATCH):
            done += len(batch.messages)
            await foundation.database.write(
                partial(_write, batch=batch, done=done, people=cast.people), lane=Lane.MANAGE
            )
            bar.show(done - there)
    return done - there


async def _provide_cast(
    foundation: Foundation, account: DemoAccount, *, messages: int, there: int, known: int, now_us: int
) -> Cast:
    """Return who plays, with the sources and the consents that are not there yet; ``known`` people have theirs."""
    people = min(PEOPLE_MAX, max(_PEOPLE_LEAST, known, messages // _MESSAGES_A_PERSON))
    sources = {source.name: source.id for source in foundation.directory.now.sources.values()
               if source.account_id == account.account_id}  # fmt: skip
    new = [(foundation.ids.new(), name, phone, reason) for name, phone, reason in _MORE_SOURCES if name not in sources]
    standing, history = consent_rows(account.account_id, range(known, people), at_us=now_us)

    def write(tx: Tx) -> None:
        for source_id, name, phone, reason in new:
            create_source(tx, foundation.sealer, _source(account, source_id, name=name, phone=phone), now_us=now_us)
            if reason is not None:
                tx.run(_PAUSE, id=source_id, reason=reason, now_us=now_us)
        tx.write_many(_CONSENTS, standing)
        tx.write_many(_HISTORY, history)
        # Now, and not with the first messages: a call that is broken off here must not invent them again.
        _save(tx, messages=there, people=people)

    await foundation.database.write(write, lane=Lane.MANAGE)
    await foundation.directory.refresh()
    sources |= {name: source_id for source_id, name, _, _ in new}
    return Cast(
        account_id=account.account_id,
        source_ids=(account.source_id, *(sources[name] for name, _, _ in _MORE_SOURCES)),
        source_phones=(account.source_phone, *(phone for _, phone, _ in _MORE_SOURCES)),
        endpoint_id=account.endpoint_id,
        people=people,
    )


def _source(account: DemoAccount, source_id: str, *, name: str, phone: str) -> NewSource:
    return NewSource(
        id=source_id,
        account_id=account.account_id,
        name=name,
        phone_number=phone,
        phone_number_id=f"{account.phone_number_id[:-4]}{phone[-4:]}",
        waba_id=account.waba_id,
        provider="sandbox",
        access_token=account.access_token,
        verify_token=account.verify_token,
        app_secret=account.app_secret,
    )


def _write(tx: Tx, *, batch: Batch, done: int, people: int) -> None:
    for statement, rows in (
        (_MESSAGES, batch.messages),
        (_ATTEMPTS, batch.attempts),
        (_INBOUND, batch.inbound),
        (_NOTIFICATIONS, batch.notifications),
        (_DELIVERIES, batch.deliveries),
    ):
        tx.write_many(statement, rows)
    windows = [
        (*key, window_end_us(inbound_at_us=at_us, has_referral=False), at_us)
        for key, at_us in sorted(batch.windows.items())
    ]
    widen_windows(tx, windows)
    keep_tallies(tx, batch.counts)
    fold_tallies(tx, at_most=len(batch.counts))
    _save(tx, messages=done, people=people)


def _save(tx: Tx, *, messages: int, people: int) -> None:
    tx.run(_SAVE, value=orjson.dumps({"messages": messages, "people": people}).decode())


def _load(tx: Tx) -> tuple[int, int]:
    """Return how many messages and people are there already."""
    row = tx.one(_LOAD)
    there = {"messages": 0, "people": 0} if row is None else orjson.loads(row[0])
    return there["messages"], there["people"]
