"""The copy of the provider's templates: read when there is a reason, by one node, and never set back by a slow reading."""

import asyncio
import dataclasses
from typing import Any

import orjson
import pytest
from tests.maintenance.conftest import NOW_US, SECOND_US, CountedIds, HandClock, Rows

from waypost.cli.templates import is_awaited
from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind
from waypost.domain.template import TemplateShape
from waypost.maintenance.template_mirror import FIRST_RETRY_SECONDS, REST_SECONDS, TURN_SECONDS, TemplateMirror
from waypost.observe import Metrics
from waypost.ports import ProviderSource, ProviderTemplate
from waypost.store.accounts import create_account
from waypost.store.directory import Directory, bump_directory
from waypost.store.endpoints import NewEndpoint, create_endpoint, new_webhook_secret
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.sources import NewSecrets, NewSource, change_source, create_source, delete_source
from waypost.store.statements import Sql
from waypost.store.template_mirror import (
    DOUBT_US,
    MirroredTemplate,
    doubt_lists,
    make_lists_due,
    save_templates,
    settle_lists,
)
from waypost.store.template_reading import MirrorRecord, find_named_templates, list_mirrors, list_templates
from waypost.store.templates import load_variants

INTERVAL_SECONDS = 600.0
RESTED_US = int(REST_SECONDS * SECOND_US)
REFUSED = SendFailure(kind=SendFailureKind.MISCONFIGURED, reason=FailureReason.PLATFORM_ERROR, detail="token expired")
READY = ProviderTemplate(
    id="11",
    name="order_ready",
    language="en",
    category="UTILITY",
    status="APPROVED",
    quality="GREEN",
    rejected_reason="",
    components=({"type": "BODY", "text": "Hi {{1}}"},),
)
HINDI = dataclasses.replace(READY, id="12", language="hi")
OTHER = dataclasses.replace(READY, id="13", name="other")


class Upstream:
    """What the provider lists, or how it refuses; ``meanwhile`` happens while it is being read."""

    def __init__(self) -> None:
        self.lists: dict[str, tuple[ProviderTemplate, ...] | SendFailure] = {}
        self.asked: list[tuple[str, str]] = []
        self.meanwhile: Any = None

    async def list_templates(
        self, source: ProviderSource, *, waba_id: str
    ) -> tuple[ProviderTemplate, ...] | SendFailure:
        self.asked.append((waba_id, source.access_token))
        found = self.lists[source.access_token]
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


def source_of(source_id: str, *, account_id: str = "a", waba_id: str = "w", token: str = "t") -> NewSource:
    return NewSource(
        id=source_id,
        account_id=account_id,
        name=source_id,
        phone_number="12025550199",
        phone_number_id=f"pn-{source_id}",
        waba_id=waba_id,
        provider="sandbox",
        access_token=token,
        verify_token="v",
    )


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def told() -> list[None]:
    return []


@pytest.fixture
def make(  # noqa: PLR0917
    database: Database,
    directory: Directory,
    clock: HandClock,
    ids: CountedIds,
    upstream: Upstream,
    told: list[None],
):
    """Make a mirror, as each node has one."""

    def make() -> TemplateMirror:
        return TemplateMirror(
            database=database,
            directory=directory,
            lister=upstream,
            clock=clock,
            ids=ids,
            metrics=Metrics(),
            interval_seconds=INTERVAL_SECONDS,
            on_told=lambda: told.append(None),
        )

    return make


@pytest.fixture
async def mirror(make, database: Database, directory: Directory, sealer: Sealer) -> TemplateMirror:
    def prepare(tx):
        for account_id in ("a", "b"):
            create_account(tx, account_id=account_id, name=account_id, now_us=NOW_US)
        create_source(tx, sealer, source_of("s"), now_us=NOW_US)
        secret = new_webhook_secret()
        endpoint = NewEndpoint(
            id="e", account_id="a", name="Hook", url="https://h.example/", kinds=frozenset({"notice"}), secret=secret
        )
        create_endpoint(tx, sealer, endpoint, now_us=NOW_US)

    await database.write(prepare)
    await directory.refresh()
    return make()


async def turn(mirror: TemplateMirror) -> int:
    claimed = await mirror.claim()
    await asyncio.gather(*(mirror.read(one) for one in claimed))
    return len(claimed)


async def lists(database: Database, account_id: str = "a") -> list[MirrorRecord]:
    return await database.read(lambda tx: list_mirrors(tx, account_id))


async def known(database: Database, account_id: str = "a") -> list[tuple[str, str, str]]:
    rows = await database.read(lambda tx: list_templates(tx, account_id))
    return [(row.name, row.language, row.status) for row in rows]


async def notices(rows: Rows) -> list[dict[str, Any]]:
    return [orjson.loads(entry) for (entry,) in await rows.all("SELECT entry FROM notifications ORDER BY id")]


async def test_a_list_is_read_at_the_start_and_again_on_schedule(
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream, told: list[None]
) -> None:
    key = ("a", "w", "order_ready")
    assert await database.read(lambda tx: load_variants(tx, [key])) == {}
    upstream.lists["t"] = (READY, HINDI, OTHER)

    assert await turn(mirror) == 1
    assert await known(database) == [
        ("order_ready", "en", "APPROVED"),
        ("order_ready", "hi", "APPROVED"),
        ("other", "en", "APPROVED"),
    ]
    found = await database.read(lambda tx: load_variants(tx, [key, ("a", "w", "no_such"), ("b", "w", "order_ready")]))
    assert {key, ("a", "w", "no_such")} == found.keys()
    assert found["a", "w", "no_such"] == {}
    assert found[key]["en"].shape == TemplateShape(body_variables=("1",))
    assert len(await database.read(lambda tx: find_named_templates(tx, "a", "w", "order_ready"))) == 2

    assert await turn(mirror) == 0
    clock.forward(us=int(INTERVAL_SECONDS * 1.2 * SECOND_US) + 1)
    assert await turn(mirror) == 1
    assert told == [], "nothing has changed, and a first reading is no change"
    assert upstream.asked == [("w", "t")] * 2


async def test_what_changes_upstream_is_told_and_what_is_gone_vanishes(  # noqa: PLR0917
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream, told: list[None], rows: Rows
) -> None:
    upstream.lists["t"] = (READY, HINDI)
    await turn(mirror)
    changed = dataclasses.replace(READY, status="REJECTED", rejected_reason="SCAM", quality="RED", category="MARKETING")
    upstream.lists["t"] = (changed, OTHER)
    clock.forward(us=RESTED_US)
    await database.write(lambda tx: make_lists_due(tx, [("a", "w")], now_us=clock.now_us()))

    assert await turn(mirror) == 1

    assert await known(database) == [("order_ready", "en", "REJECTED"), ("other", "en", "APPROVED")]
    assert told == [None]
    found = await notices(rows)
    assert [(entry["type"], entry["subject_id"]) for entry in found] == [
        ("template.status", "11"),
        ("template.quality", "11"),
        ("template.category", "11"),
        ("template.status", "12"),
    ]
    assert found[0] == {
        "type": "template.status",
        "subject_id": "11",
        "occurred_at_us": clock.now_us(),
        "name": "order_ready",
        "language": "en",
        "status": "REJECTED",
        "previous_status": "APPROVED",
        "reason": "SCAM",
    }
    assert found[3]["status"] == "DELETED"


async def test_what_a_webhook_says_during_a_reading_is_not_set_back_and_the_list_is_read_once_more(
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream
) -> None:
    upstream.lists["t"] = (READY,)
    await turn(mirror)

    async def pause() -> None:
        clock.forward(us=SECOND_US)
        now_us = clock.now_us()
        paused = MirroredTemplate("order_ready", "en", "11", "UTILITY", "PAUSED", "GREEN", "", "[]", "{}")
        await database.write(
            lambda tx: (
                save_templates(tx, ("a", "w"), [paused], now_us=now_us),
                make_lists_due(tx, [("a", "w")], now_us=now_us),
            )
        )
        upstream.meanwhile = None

    clock.forward(us=int(INTERVAL_SECONDS * 2 * SECOND_US))
    upstream.meanwhile = pause
    assert await turn(mirror) == 1
    assert await known(database) == [("order_ready", "en", "PAUSED")]

    upstream.lists["t"] = (dataclasses.replace(READY, status="PAUSED"),)
    assert await turn(mirror) == 0, "however much is said of it, it is not read all the time"
    clock.forward(us=RESTED_US)
    assert await turn(mirror) == 1
    assert await turn(mirror) == 0


async def test_a_list_that_cannot_be_read_is_tried_later_and_later_and_the_copy_stays(
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream
) -> None:
    upstream.lists["t"] = (READY,)
    await turn(mirror)
    upstream.lists["t"] = REFUSED
    clock.forward(us=int(INTERVAL_SECONDS * 2 * SECOND_US))
    waits = []
    for _ in range(4):
        assert await turn(mirror) == 1
        [row] = await lists(database)
        assert row.failure == "token expired"
        waits.append((row.due_at_us - clock.now_us()) / SECOND_US)
        clock.forward(us=row.due_at_us - clock.now_us())

    assert all(FIRST_RETRY_SECONDS * 2**n <= wait <= FIRST_RETRY_SECONDS * 2**n * 1.2 for n, wait in enumerate(waits))
    assert await known(database) == [("order_ready", "en", "APPROVED")]
    upstream.lists["t"] = (READY,)
    assert await turn(mirror) == 1
    assert (await lists(database))[0].failure is None


async def test_who_asks_for_a_list_waits_until_it_is_read_or_cannot_be(
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream
) -> None:
    async def ask() -> int:
        clock.forward(us=RESTED_US)
        asked_us = clock.now_us()
        await database.write(lambda tx: make_lists_due(tx, [("a", "w")], now_us=asked_us))
        assert [is_awaited(row, asked_us) for row in await lists(database)] == [True]
        clock.forward(us=1)
        return asked_us

    upstream.lists["t"] = REFUSED
    await turn(mirror)
    for answer in (REFUSED, (READY,)):
        upstream.lists["t"] = answer
        asked_us = await ask()
        [claimed] = await mirror.claim()
        assert [is_awaited(row, asked_us) for row in await lists(database)] == [True], "it is being read"
        await mirror.read(claimed)
        assert [is_awaited(row, asked_us) for row in await lists(database)] == [False]


async def test_a_new_source_a_new_token_and_a_source_that_is_gone_are_seen_at_once(  # noqa: PLR0917
    mirror: TemplateMirror,
    database: Database,
    directory: Directory,
    sealer: Sealer,
    clock: HandClock,
    upstream: Upstream,
) -> None:
    upstream.lists |= {"t": (READY,), "new": (OTHER,), "more": (HINDI,)}
    await turn(mirror)

    def add(tx):
        create_source(tx, sealer, source_of("s2", account_id="b", waba_id="w2", token="more"), now_us=NOW_US)
        bump_directory(tx)

    await database.write(add)
    await directory.refresh()
    assert await turn(mirror) == 1
    assert upstream.asked[-1] == ("w2", "more")
    assert await known(database, "b") == [("order_ready", "hi", "APPROVED")]

    clock.forward(us=RESTED_US)
    secrets = NewSecrets(access_token="new")
    await database.write(
        lambda tx: (
            change_source(tx, sealer, "a", "s", lambda before: before, secrets=secrets, now_us=NOW_US),
            bump_directory(tx),
        )
    )
    await directory.refresh()
    assert await turn(mirror) == 1
    assert await known(database) == [("other", "en", "APPROVED")]

    await database.write(lambda tx: (delete_source(tx, "b", "s2", now_us=NOW_US), bump_directory(tx)))
    await directory.refresh()
    assert await turn(mirror) == 0
    assert await known(database, "b") == []
    assert await lists(database, "b") == []


async def test_a_reading_that_ends_after_its_last_source_is_gone_keeps_nothing(  # noqa: PLR0917
    mirror: TemplateMirror, make, database: Database, directory: Directory, upstream: Upstream, told: list[None]
) -> None:
    upstream.lists["t"] = (READY,)
    other_node = make()

    async def vanish() -> None:
        upstream.meanwhile = None
        await database.write(lambda tx: (delete_source(tx, "a", "s", now_us=NOW_US), bump_directory(tx)))
        await directory.refresh()
        await other_node.claim()

    upstream.meanwhile = vanish
    assert await turn(mirror) == 1

    assert await known(database) == []
    assert await lists(database) == []
    assert told == []


async def test_a_list_of_a_source_that_only_another_node_has_seen_is_read_at_once(
    mirror: TemplateMirror, database: Database, sealer: Sealer, clock: HandClock, upstream: Upstream
) -> None:
    upstream.lists |= {"t": (READY,), "more": (HINDI,)}
    await turn(mirror)

    def add(tx):
        create_source(tx, sealer, source_of("s2", account_id="b", waba_id="w2", token="more"), now_us=NOW_US)
        bump_directory(tx)
        settle_lists(tx, now_us=clock.now_us())

    await database.write(add)

    assert await turn(mirror) == 1
    assert await known(database, "b") == [("order_ready", "hi", "APPROVED")]


async def test_of_two_nodes_one_reads_a_list(mirror: TemplateMirror, make, upstream: Upstream) -> None:
    upstream.lists["t"] = (READY,)
    mirrors = [mirror, make(), make()]

    claimed = await asyncio.gather(*(one.claim() for one in mirrors))

    assert sorted(map(len, claimed)) == [0, 0, 1]


async def test_a_list_that_the_provider_contradicts_is_read_anew_but_not_for_every_message(
    mirror: TemplateMirror, database: Database, clock: HandClock, upstream: Upstream
) -> None:
    upstream.lists["t"] = (READY,)
    await turn(mirror)
    clock.forward(us=DOUBT_US)
    await database.write(lambda tx: doubt_lists(tx, {("a", "w"), ("b", "w")}, now_us=clock.now_us()))
    assert await turn(mirror) == 0
    clock.forward(us=1)
    await database.write(lambda tx: doubt_lists(tx, {("a", "w")}, now_us=clock.now_us()))
    assert await turn(mirror) == 1


async def test_the_next_token_of_an_account_is_tried_where_one_is_refused(
    mirror: TemplateMirror, database: Database, directory: Directory, sealer: Sealer, upstream: Upstream
) -> None:
    upstream.lists |= {"t": REFUSED, "second": (READY,)}
    await database.write(
        lambda tx: (create_source(tx, sealer, source_of("z", token="second"), now_us=NOW_US), bump_directory(tx))
    )
    await directory.refresh()

    await turn(mirror)

    assert upstream.asked == [("w", "t"), ("w", "second")]
    assert await known(database) == [("order_ready", "en", "APPROVED")]


async def test_the_service_reads_what_is_due_and_stops_when_asked(
    mirror: TemplateMirror, database: Database, upstream: Upstream
) -> None:
    upstream.lists["t"] = (READY,)
    read, stopping = asyncio.Event(), asyncio.Event()

    async def seen() -> None:
        read.set()

    upstream.meanwhile = seen
    async with asyncio.timeout(20 + TURN_SECONDS):
        task = asyncio.create_task(mirror.run(stopping))
        await read.wait()
        stopping.set()
        await task
    due = await database.read(lambda tx: tx.rows(Sql("SELECT due_at_us FROM template_lists")))
    assert due[0][0] > NOW_US
