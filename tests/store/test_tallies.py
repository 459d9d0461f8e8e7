"""Counts equal a recount of the rows, whatever came in whatever order."""

import asyncio
import itertools
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.rows import add

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.pricing import parse_pricing, pricing_text
from waypost.domain.status import Status, StatusFact
from waypost.following import StatusReport, follow
from waypost.maintenance.tallying import TallyFolder
from waypost.ports import SystemClock, UuidFactory
from waypost.store.acceptance import MESSAGE_COLUMNS, insert_messages
from waypost.store.cancellation import cancel_messages
from waypost.store.claiming import Candidate, save_fallen_back
from waypost.store.clicks import count_clicks, hold_linked
from waypost.store.connections import connector_for
from waypost.store.directory import EMPTY
from waypost.store.engine import Database
from waypost.store.reporting import count_tags, events_of, load_tallies_of_tag, page_messages
from waypost.store.tallies import (
    DAY_US,
    HOUR_US,
    TallyEvent,
    fold_tallies,
    hour_of,
    load_failures,
    load_tallies,
    load_totals,
)

NOW_US = 1_930_000_000_000_000
HOURS = 3
PRICES = [pricing_text(category, kind, is_billable=billable) for category, kind, billable in (
    ("marketing", "regular", True), ("service", "free_customer_service", False), ("utility", "regular", None),
)]  # fmt: skip
IDS = UuidFactory()
accounts = (f"account-{number}" for number in itertools.count())


class FixedClock(SystemClock):
    """It is always the same moment."""

    def now_us(self) -> int:
        return NOW_US


def row(message_id: str, **values) -> tuple:
    members = {
        **dict.fromkeys(MESSAGE_COLUMNS), "id": message_id, "source_id": "s", "recipient": "12025550143", "is_group": 0,
        "kind": "text", "priority": 1, "state": 30, "due_at_us": NOW_US, "accepted_at_us": NOW_US, "caller_data": "",
        "content": "{}", "track_links": 0, "at_most_once": 0, **values,
    }  # fmt: skip
    return tuple(members[name] for name in MESSAGE_COLUMNS)


def report(message_id: str, word: Status, hour: int, pricing: str | None, code: int) -> StatusReport:
    is_failed = word is Status.FAILED
    fact = StatusFact(
        status=word,
        occurred_at_us=NOW_US + hour * HOUR_US + code,
        reason=list(FailureReason)[code % 4] if is_failed else None,
        provider_code=code if is_failed else None,
        pricing=pricing,
    )
    return StatusReport(source_id="s", message_id=message_id, wamid=f"wamid.{message_id}", number=1, fact=fact)


def recount(messages) -> Counter:
    counts: Counter = Counter()
    for message in messages:
        for event, at_us, detail in events_of(message):
            counts[hour_of(at_us), message.source_id, message.template_name or "", event.value, detail] += 1
    return counts


def as_counter(tallies) -> Counter:
    return Counter({tuple(tally[:-1]): tally.number for tally in tallies})


said = st.tuples(
    st.integers(0, 3),
    st.sampled_from(list(Status)),
    st.integers(0, HOURS - 1),
    st.none() | st.sampled_from(PRICES),
    st.integers(1, 5),
)
cancelled = st.integers(0, 3)
step = st.lists(said, min_size=1, max_size=5) | cancelled | st.just("fold")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(["", "welcome"]), min_size=4, max_size=4), st.lists(step, max_size=8))
def test_counts_equal_a_recount_of_the_rows(database_url, templates, steps):
    """Any statuses, hours, repetitions, prices, cancellations and foldings; each example is an account of its own."""

    async def run() -> None:
        database = Database(connector_for(database_url))
        await database.start()
        try:
            await check(database, next(accounts), templates, steps)
        finally:
            await database.stop()

    asyncio.run(run())


async def check(database: Database, account_id: str, templates, steps) -> None:
    ids = [IDS.new() for _ in templates]
    at_us = [NOW_US + place % 2 * HOUR_US for place in range(len(ids))]
    rows = [
        row(id_, account_id=account_id, template_name=template or None, accepted_at_us=at, caller_data="tag")
        for id_, template, at in zip(ids, templates, at_us, strict=True)
    ]
    await database.write(lambda tx: insert_messages(tx, rows))
    prices: dict[str, tuple[int, str]] = {}
    for one in steps:
        if one == "fold":
            await database.write(lambda tx: fold_tallies(tx, at_most=3))
        elif isinstance(one, int):
            await database.write(lambda tx, id_=ids[one]: cancel_messages(tx, account_id, [id_], now_us=NOW_US + 7))
        else:
            reports = [report(ids[place], *rest) for place, *rest in one]
            await database.write(lambda tx, told=reports: follow(tx, EMPTY, IDS, told, now_us=NOW_US))
            for told in reports:
                if told.fact.pricing is not None:
                    known = (told.fact.occurred_at_us, told.fact.pricing)
                    prices[told.message_id] = min(known, prices.get(told.message_id, known))

    span = {"from_us": 0, "until_us": 2**55}
    messages, tallies, of_tag, tags = await database.read(
        lambda tx: (
            list(tx_pages(tx, account_id)),
            load_tallies(tx, account_id, **span),
            load_tallies_of_tag(tx, account_id, "tag", **span),
            count_tags(tx, account_id, **span, at_most=5),
        ),
        account_id=account_id,
    )
    counted = as_counter(tallies)
    assert len(messages) == len(ids)
    assert counted == recount(messages)
    unpriced = Counter({key: number for key, number in counted.items() if key[3] != "priced"})
    assert as_counter(of_tag) == unpriced
    totals, failures = await database.read(
        lambda tx: (
            load_totals(tx, account_id, from_us=NOW_US - DAY_US, until_us=NOW_US + DAY_US),
            load_failures(tx, account_id, **span),
        ),
        account_id=account_id,
    )
    summed: Counter = Counter()
    reasons: Counter = Counter()
    for (hour_us, _, _, event, detail), number in counted.items():
        if event != "priced":
            summed[hour_us, "", "", event, ""] += number
        if event == "failed":
            reasons[detail] += number
    assert as_counter(totals) == summed
    assert Counter({tally.detail: tally.number for tally in failures}) == reasons
    assert tags == ([("tag", len(ids))], True)
    by_price = Counter({key[4]: 0 for key in counted if key[3] == "priced"})
    for key, number in counted.items():
        if key[3] == TallyEvent.PRICED:
            by_price[key[4]] += number
    assert by_price == Counter(f"{price}/1" for _, price in prices.values())


def tx_pages(tx, account_id):
    after = ""
    while page := page_messages(tx, account_id, from_us=0, until_us=2**55, after=after, at_most=3):
        yield from page
        after = page[-1].id


async def test_folding_keeps_the_sums_and_empties_what_was_appended(database: Database):
    rows = [row(IDS.new(), account_id="a") for _ in range(5)]
    for one in rows:
        await database.write(lambda tx, kept=one: insert_messages(tx, [kept]))

    async def total() -> list:
        return await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55), account_id="a")

    before = await total()
    folded = [await database.write(lambda tx: fold_tallies(tx, at_most=3)) for _ in range(3)]

    assert folded == [3, 2, 0]
    assert await total() == before
    assert [tally.number for tally in before] == [5]
    assert await database.read(lambda tx: load_tallies(tx, "b", from_us=0, until_us=2**55), account_id="b") == []


async def test_hours_are_put_together_by_day_where_that_is_asked_for(database: Database):
    midnight = NOW_US - NOW_US % DAY_US
    for hours in (0, 23, 24):
        kept = row(IDS.new(), account_id="a", accepted_at_us=midnight + hours * HOUR_US)
        await database.write(lambda tx, kept=kept: insert_messages(tx, [kept]))

    days = await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55, unit_us=DAY_US))

    assert sorted((day.begin_us, day.number) for day in days) == [(midnight, 2), (midnight + DAY_US, 1)]
    # The first hour is behind, the last hour before the bounds; the second day is cut.
    span = {"from_us": midnight + HOUR_US, "until_us": midnight + DAY_US + 2 * HOUR_US, "unit_us": DAY_US}
    totals, of_source, of_none = await database.read(
        lambda tx: [load_totals(tx, "a", **span, source_id=one) for one in (None, "s", "other")], account_id="a"
    )
    assert sorted((day.begin_us, day.number) for day in totals) == [(midnight, 1), (midnight + DAY_US, 1)]
    assert (of_source, of_none) == (totals, [])


async def test_old_counts_are_forgotten_once_a_day_and_the_others_stay(database: Database):
    old, new = NOW_US - 40 * 24 * HOUR_US, NOW_US
    for at_us in (old, new):
        kept = row(IDS.new(), account_id="a", accepted_at_us=at_us)
        await database.write(lambda tx, kept=kept: insert_messages(tx, [kept]))
    clock = FixedClock()
    folder = TallyFolder(database=database, clock=clock, tally_days=30)

    assert await folder.turn() == 2
    assert [await folder.forget() for _ in range(2)] == [1, 0]

    tallies = await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55))
    assert [tally.begin_us for tally in tallies] == [hour_of(new)]


async def test_each_end_of_the_gateways_own_is_counted_once(database: Database):
    def end_twice(tx) -> None:
        add(tx, "messages", id="m", state=int(MessageState.QUEUED))
        for _ in range(2):
            cancel_messages(tx, "a", ["m"], now_us=NOW_US)

    await database.write(end_twice)

    tallies = await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55))
    assert [(tally.event, tally.detail, tally.number) for tally in tallies] == [("failed", "cancelled", 1)]


async def test_a_message_that_falls_back_counts_under_its_template_from_the_start(database: Database):
    kept = row("m", account_id="a")

    def fall_back(tx) -> None:
        insert_messages(tx, [kept])
        fallen = Candidate._make([None] * len(Candidate._fields))._replace(
            id="m", kind="template", content="{}", template_name="welcome"
        )
        for _ in range(2):
            save_fallen_back(tx, [fallen])

    await database.write(fall_back)

    tallies = await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55))
    assert [(tally.event, tally.template, tally.number) for tally in tallies] == [("accepted", "welcome", 1)]


async def test_clicks_of_one_moment_are_all_counted_and_the_first_of_a_message_once(database: Database):
    id_ = IDS.new()
    await database.write(lambda tx: add(tx, "messages", id=id_, template_name="welcome"))

    for moment in (NOW_US, NOW_US + HOUR_US):
        await database.write(
            lambda tx, at_us=moment: count_clicks(
                tx, dict.fromkeys(hold_linked(tx, [id_, "none"]).values(), 2), now_us=at_us
            )
        )

    tallies = await database.read(lambda tx: load_tallies(tx, "a", from_us=0, until_us=2**55))
    assert sorted((tally.event, tally.begin_us - hour_of(NOW_US), tally.number) for tally in tallies) == [
        ("click", 0, 2),
        ("click", HOUR_US, 2),
        ("clicked", 0, 1),
    ]
    [message] = await database.read(lambda tx: list(tx_pages(tx, "a")))
    assert (message.clicks, message.clicked_at_us) == (4, NOW_US)


def test_a_price_reads_back_as_it_was_said():
    assert parse_pricing(PRICES[0]).is_billable is True
    assert parse_pricing(PRICES[1]).is_free
    assert (parse_pricing(PRICES[2]).category, parse_pricing(PRICES[2]).is_free) == ("utility", False)
