"""The final state is a function of the set of facts: order, repetition and grouping do not matter (STA-1)."""

import asyncio
import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.receive.gateway import Gateway, open_gateway
from tests.receive.webhooks import NOW_SECONDS, failed, status, statuses

from waypost.domain.message import MessageState
from waypost.store.connections import connector_for
from waypost.store.engine import Database

FACTS = "SELECT state, wamid, sent_at_us, delivered_at_us, read_at_us, failed_at_us, failure_code FROM messages WHERE id = :id"
ORDER = {"sent": 1, "delivered": 2, "read": 3}
WORDS = ("sent", "delivered", "read", "failed", "played")


def item(gateway: Gateway, message_id: str, word: str, *, has_token: bool) -> dict:
    token = gateway.token(message_id) if has_token else None
    wamid = f"wamid.{message_id}"
    if word == "failed":
        return failed(wamid, 131000, at=NOW_SECONDS + 9, token=token)
    return status(wamid, word, at=NOW_SECONDS + WORDS.index(word), token=token)


def expected_state(words) -> MessageState:
    for word in ("played", "read", "delivered", "failed", "sent"):
        if word in words:
            return MessageState[word.upper()]
    return MessageState.IN_DOUBT


def is_told_right(posted: list[str]) -> bool:
    """Say whether each was told once, never backwards, and failed neither after a proof nor twice."""
    ranks = [ORDER[word] for word in posted if word != "failed"]
    if ranks != sorted(set(ranks)) or posted.count("failed") > 1:
        return False
    if "failed" not in posted:
        return True
    at = posted.index("failed")
    return "sent" not in posted[at:] and not {"delivered", "read"} & set(posted[:at])


async def test_every_order_of_all_statuses_ends_in_the_same_state(gateway: Gateway):
    words = ("sent", "delivered", "read", "failed")
    orders = [order for size in range(1, 5) for order in itertools.permutations(words, size)]
    ids = {
        order: await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),)) for order in orders
    }

    for place in range(4):
        batch = [item(gateway, ids[order], order[place], has_token=True) for order in orders if len(order) > place]
        await gateway.ingester.ingest(statuses(*batch), gateway.scope)

    seen: dict[frozenset[str], set[object]] = {}
    for order, message_id in ids.items():
        [row] = await gateway.rows(FACTS, id=message_id)
        seen.setdefault(frozenset(order), set()).add((row[0], *row[2:]))
        assert row[0] == expected_state(order), order
        posted = await gateway.posted(message_id)
        assert is_told_right(posted), (order, posted)
    assert all(len(rows) == 1 for rows in seen.values())


steps = st.lists(
    st.lists(st.tuples(st.sampled_from(WORDS), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=5
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.booleans(), st.randoms(use_true_random=False))
def test_any_grouping_and_repetition_ends_as_one_webhook_would(database_url, groups, is_bound, random):
    """Each example is a message of its own; some statuses have no token, and then wait for one that has."""

    async def run() -> None:
        database = Database(connector_for(database_url))
        await database.start()
        try:
            gateway = await open_gateway(database)
            await check(gateway)
        finally:
            await database.stop()

    async def check(gateway: Gateway) -> None:
        state = MessageState.ACCEPTED if is_bound else MessageState.IN_DOUBT
        outcome = "accepted" if is_bound else "in_doubt"
        message_id = await gateway.message(state=state, attempts=((outcome, None),))
        if is_bound:
            await gateway.bind(message_id, f"wamid.{message_id}")
        deliveries = [
            statuses(*[item(gateway, message_id, word, has_token=t) for word, t in group]) for group in groups
        ]
        deliveries += random.sample(deliveries, len(deliveries) // 2)
        random.shuffle(deliveries)

        await asyncio.gather(*[gateway.ingester.ingest(raw, gateway.scope) for raw in deliveries[:2]])
        for raw in deliveries[2:]:
            await gateway.ingester.ingest(raw, gateway.scope)

        said = {word for group in groups for word, _ in group}
        is_known = is_bound or any(has_token for group in groups for _, has_token in group)
        [row] = await gateway.rows(FACTS, id=message_id)
        if not is_known:
            assert row[0] == MessageState.IN_DOUBT
            return
        reached = expected_state(said)
        assert row[0] == (MessageState.ACCEPTED if reached is MessageState.IN_DOUBT else reached)
        assert row[1] == f"wamid.{message_id}"
        assert (row[2] is not None, row[5] is not None) == ("sent" in said, "failed" in said)
        assert is_told_right(await gateway.posted(message_id))

    asyncio.run(run())
