"""How fast messages went, on both databases."""

from tests.store.rows import NOW_US, add

from waypost.domain.ids import first_id_at
from waypost.store.engine import Database
from waypost.store.latencies import MINUTE_US, Percentiles, measure_latencies, measure_sending
from waypost.store.transaction import Tx

SECOND_US = 1_000_000


def _id(number: int, *, at_us: int = NOW_US) -> str:
    return first_id_at(at_us)[:-4] + f"{number:04d}"


def _write(tx: Tx) -> None:
    for number in range(1, 102):
        sent_us = NOW_US + number * SECOND_US
        add(
            tx,
            "messages",
            id=_id(number),
            attempt_number=2,
            delivered_at_us=sent_us + 2 * SECOND_US,
            read_at_us=None if number % 2 else sent_us + 5 * SECOND_US,
            source_id="s" if number < 101 else "s2",
        )
        add(tx, "attempts", message_id=_id(number), number=1, ended_at_us=NOW_US)
        add(tx, "attempts", message_id=_id(number), number=2, ended_at_us=sent_us, wamid=f"w{number}")
    # Never sent; scheduled; another account's; accepted earlier.
    add(tx, "messages", id=_id(102))
    add(tx, "messages", id=_id(103), scheduled_at_us=NOW_US + 900 * SECOND_US, attempt_number=1, source_id="s3")
    add(tx, "attempts", message_id=_id(103), number=1, ended_at_us=NOW_US + 907 * SECOND_US, wamid="w103")
    add(tx, "messages", id=_id(104), account_id="b")
    add(tx, "messages", id=_id(105, at_us=NOW_US - 10**10), accepted_at_us=NOW_US - 10**10)


async def test_latencies_are_percentiles_of_the_newest_messages(database: Database) -> None:
    await database.write(_write)
    span = {"from_us": NOW_US, "until_us": NOW_US + SECOND_US}

    every = await database.read(lambda tx: measure_latencies(tx, "a", **span), account_id="a")
    one = await database.read(lambda tx: measure_latencies(tx, "a", **span, source_id="s2"))
    scheduled = await database.read(lambda tx: measure_latencies(tx, "a", **span, source_id="s3"))
    newest = await database.read(lambda tx: measure_latencies(tx, "a", **span, at_most=3))
    none = await database.read(lambda tx: measure_latencies(tx, "a", from_us=0, until_us=1))

    assert every.messages == 103
    assert every.accepted_to_sent == Percentiles(102, 50 * SECOND_US, 90 * SECOND_US, 99 * SECOND_US)
    assert every.sent_to_delivered == Percentiles(101, 2 * SECOND_US, 2 * SECOND_US, 2 * SECOND_US)
    assert every.delivered_to_read == Percentiles(50, 3 * SECOND_US, 3 * SECOND_US, 3 * SECOND_US)
    assert every.looked_to_us is None
    assert one.accepted_to_sent == Percentiles(1, *[101 * SECOND_US] * 3)
    assert scheduled.accepted_to_sent == Percentiles(1, *[7 * SECOND_US] * 3)
    assert (newest.messages, newest.looked_to_us) == (3, NOW_US // 1_000 * 1_000)
    assert (none.messages, none.accepted_to_sent, none.looked_to_us) == (0, None, None)


async def test_what_each_number_sends_a_minute_is_counted(database: Database) -> None:
    minute_us = NOW_US - NOW_US % MINUTE_US

    def write(tx: Tx) -> None:
        add(tx, "sources", id="s1", phone_number_id="1", rate_per_second=5.0, burst=9)
        add(tx, "sources", id="s2", phone_number_id="2", account_id="b")
        add(tx, "sources", id="s3", phone_number_id="3", paused_reason="by hand")
        moments = [minute_us, minute_us - 1, minute_us - 1, minute_us - 60 * MINUTE_US, minute_us - 61 * MINUTE_US]
        for place, at_us in enumerate(moments):
            add(tx, "attempts", message_id="m", number=place, source_id="s1", started_at_us=at_us)

    await database.write(write)

    (first, second), of_one = await database.read(
        lambda tx: [measure_sending(tx, "a", now_us=NOW_US, source_id=one) for one in (None, "s3")], account_id="a"
    )

    assert ("s1", 5.0, 9, None) == (first.source_id, first.rate_per_second, first.burst, first.paused_reason)
    assert (1, *[0] * 58, 2) == first.per_minute
    assert of_one == [second]
    assert ("s3", None, "by hand", (0,) * 60) == (
        second.source_id,
        second.rate_per_second,
        second.paused_reason,
        second.per_minute,
    )
