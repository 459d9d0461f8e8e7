"""The month of invented traffic: consistent, repeatable, from numbers kept for fiction, and never sent."""

import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from waypost.app.demo import demo_settings
from waypost.app.demo_account import DemoAccount, provide_account
from waypost.app.foundation import Foundation, open_foundation
from waypost.app.seed_rows import Cast, Inventor, person_at
from waypost.app.seeding import Bar, SeedOrder, seed_account
from waypost.domain.message import PENDING_STATES
from waypost.settings import Settings
from waypost.store.reporting import events_of, page_messages
from waypost.store.statements import Sql
from waypost.store.tallies import hour_of, load_tallies

FICTION = re.compile(r"1[2-9]\d\d55501\d\d")
CAST = Cast(account_id="a", source_ids=("s", "t"), source_phones=("1", "2"), endpoint_id="e", people=40)


class _Silent:
    def show(self, done: int, *, note: str = "") -> None:
        """Show nothing."""


@contextlib.contextmanager
def _no_bar(total: int) -> Iterator[Bar]:
    assert total > 0
    yield _Silent()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Foundation, DemoAccount]]:
    settings = demo_settings(Settings.load(defaults={"default_provider": "sandbox"}, data_dir=tmp_path))
    foundation = await open_foundation(settings)
    assert settings.sandbox_url is not None
    yield foundation, await provide_account(foundation, sandbox_url=settings.sandbox_url)
    await foundation.database.stop()


async def _count(foundation: Foundation, what: str) -> int:
    found = await foundation.database.read(lambda tx: tx.one(Sql(f"SELECT COUNT(*) FROM {what}")))
    assert found is not None
    return int(found[0])


async def test_seeded_counts_equal_a_recount_and_a_second_call_adds_what_is_missing(
    house: tuple[Foundation, DemoAccount],
) -> None:
    foundation, account = house
    said: list[str] = []
    added = [
        await seed_account(foundation, account, SeedOrder(messages=wanted, say=said.append, open_bar=_no_bar))
        for wanted in (2_000, 2_000, 2_500, 100)
    ]

    assert [2_000, 0, 500, 0] == added
    assert said == [f"{there:,} seeded messages are there already." for there in (2_000, 2_000, 2_500)]
    assert 2_500 == await _count(foundation, "messages")
    # Nothing of it can be sent: what has not ended is queued at a number that is paused.
    pending = ", ".join(str(int(state)) for state in PENDING_STATES)
    paused = "(SELECT id FROM sources WHERE paused_reason IS NOT NULL)"
    assert 20 == await _count(foundation, f"messages WHERE state IN ({pending})")
    assert 20 == await _count(foundation, f"messages WHERE state = 30 AND source_id IN {paused}")
    assert 0 == await _count(foundation, "notifications WHERE state = 0")
    assert 0 == await _count(foundation, "media_assets")
    assert 0 == await _count(foundation, "tally_changes")
    await _check_tallies(foundation, account.account_id)


async def _check_tallies(foundation: Foundation, account_id: str) -> None:
    span = {"from_us": 0, "until_us": 2**55}
    messages, inbound, tallies = await foundation.database.read(
        lambda tx: (
            page_messages(tx, account_id, **span, after="", at_most=10_000),
            tx.rows(Sql("SELECT source_id, occurred_at_us FROM inbound_messages")),
            load_tallies(tx, account_id, **span),
        )
    )
    counts: Counter[tuple[int, str, str, str, str]] = Counter()
    for message in messages:
        for event, at_us, detail in events_of(message):
            counts[hour_of(at_us), message.source_id, message.template_name or "", event.value, detail] += 1
    for source_id, at_us in inbound:
        counts[hour_of(at_us), source_id, "", "inbound", ""] += 1
    assert counts == Counter({tally[:-1]: tally.number for tally in tallies})
    assert {"accepted", "sent", "delivered", "read", "failed", "priced", "inbound"} == {key[3] for key in counts}


def test_the_same_seed_invents_the_same_and_another_seed_something_else() -> None:
    first, again, other = (
        [
            (batch.messages, batch.notifications, batch.counts)
            for batch in Inventor(CAST, seed=seed, first=0, until=500, now_us=2 * 10**15).batches(200)
        ]
        for seed in (1, 1, 2)
    )

    assert [200, 200, 100] == [len(messages) for messages, _, _ in first]
    assert first == again
    assert first != other


def test_invented_people_have_numbers_that_are_kept_for_fiction() -> None:
    people = [person_at(place) for place in range(30_000)]

    assert len(people) == len(set(people))
    assert all(FICTION.fullmatch(person) for person in people)


def test_everything_invented_lies_within_the_last_thirty_days_in_order() -> None:
    now_us = 2 * 10**15
    [batch] = Inventor(CAST, seed=3, first=0, until=2_000, now_us=now_us).batches(2_000)

    ids = [row[0] for row in batch.messages]
    moments = [value for row in batch.messages for value in row if isinstance(value, int) and value > 10**14]
    assert ids == sorted(ids, key=lambda id_: id_[:13])
    assert len(ids) == len(set(ids))
    assert now_us - 30 * 86_400_000_000 <= min(moments) <= max(moments) <= now_us
