"""
The copy of the provider's templates: read at the start, on a schedule, and at once when there is a reason.

Lists are claimed in the database, so that of several nodes one reads each. A list that cannot be read is tried again
later and later, with the reason beside it; the copy that is held stays.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from typing import Final

import orjson

from waypost.domain.errors import SendFailure
from waypost.domain.template import shape_of
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.outbox import News, tell, template_notices
from waypost.ports import Clock, IdFactory, ProviderTemplate, TemplateLister
from waypost.service import rest
from waypost.store.directory import Directory, Snapshot, Source
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.template_mirror import (
    ClaimedList,
    ListKey,
    MirroredTemplate,
    claim_lists,
    end_reading,
    fail_reading,
    load_held,
    lock_templates,
    make_lists_due,
    make_stale_lists_due,
    next_list_due_us,
    remove_templates,
    save_templates,
    settle_lists,
)
from waypost.store.templates import encode_shape
from waypost.store.transaction import Tx

TURN_SECONDS: Final = 0.5
CLAIM_SECONDS: Final = 600.0
"""Longer than any reading takes; a list whose reader died is read again after this."""
FRESH_SECONDS: Final = 30.0
"""At a start, a list read so lately, such as by another node, is not read again."""
REST_SECONDS: Final = 3.0
"""A list is not read more often, whatever news come: a business account has 200 management calls an hour (Sep 2026)."""
READINGS_MAX: Final = 4
FIRST_RETRY_SECONDS: Final = 15.0
RETRY_SECONDS_MAX: Final = 3600.0
JITTER_SHARE: Final = 0.2
FAILURE_CHARACTERS_MAX: Final = 300
DELETED: Final = "DELETED"
"""The provider's word for a template that it lists no longer."""

_Name = tuple[str, str]
_Identities = dict[ListKey, frozenset[str]]


class TemplateMirror:
    """
    Mirrors the templates of every business account that has a source; a service.

    ``interval_seconds`` is the time between two readings of a list, made up to a fifth longer by chance.
    """

    name = "templates"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        lister: TemplateLister,
        clock: Clock,
        ids: IdFactory,
        metrics: Metrics,
        interval_seconds: float,
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._lister = lister
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._on_told = on_told
        self._known: tuple[int, _Identities] | None = None
        self._failures: dict[ListKey, int] = {}
        self._readings: set[asyncio.Task[None]] = set()
        self._log = get_logger("templates")

    async def run(self, stopping: asyncio.Event) -> None:
        """Mirror until stopped; what is being read then is read after the next start."""
        try:
            while not stopping.is_set():
                try:
                    for claimed in await self.claim(at_most=READINGS_MAX - len(self._readings)):
                        task = asyncio.create_task(self.read(claimed), name=f"templates {claimed.waba_id}")
                        self._readings.add(task)
                        task.add_done_callback(self._readings.discard)
                except StoreUnavailableError as error:
                    self._log.warning("templates.store_unavailable", error=str(error))
                await rest(stopping, TURN_SECONDS)
        finally:
            readings = list(self._readings)
            for task in readings:
                task.cancel()
            await asyncio.gather(*readings, return_exceptions=True)

    async def claim(self, *, at_most: int = READINGS_MAX) -> list[ClaimedList]:
        """Claim lists that are due, after seeing which lists there must be. Raises StoreUnavailableError."""
        await self._follow_directory()
        now_us = self._clock.now_us()
        due_us = await self._database.read(next_list_due_us)
        if at_most <= 0 or due_us is None or due_us > now_us:
            return []
        until_us = now_us + int(CLAIM_SECONDS * 1_000_000)
        rested_us = now_us - int(REST_SECONDS * 1_000_000)
        return await self._database.write(
            lambda tx: claim_lists(tx, now_us=now_us, rested_us=rested_us, until_us=until_us, at_most=at_most)
        )

    async def read(self, claimed: ClaimedList) -> None:
        """Read one list and keep what it says, or why it could not be read. Raises only when cancelled."""
        try:
            started_us = self._clock.now_us()
            found = await self._ask(claimed)
            if isinstance(found, str):
                await self._fail(claimed, found)
                return
            told = await self._keep(claimed, found, started_us)
        except StoreUnavailableError as error:
            self._log.warning("templates.store_unavailable", error=str(error))
            return
        except Exception:  # noqa: BLE001 - the outer edge of a task; the list is due again when its claim ends
            self._log.exception("templates.reading_broken", account_id=claimed.account_id, waba_id=claimed.waba_id)
            return
        self._failures.pop(claimed.key, None)
        self._metrics.template_readings.labels("read").inc()
        if told:
            self._on_told()

    async def _follow_directory(self) -> None:
        """Have a list for every business account; read anew what is asked for with another token than before."""
        snapshot, now_us, known = self._directory.now, self._clock.now_us(), self._known
        if known is not None and known[0] == snapshot.version:
            return
        identities = _identities(snapshot)
        renewed = (
            []
            if known is None
            else [key for key in identities if known[1].get(key, identities[key]) != identities[key]]
        )
        stale_us = now_us - int(FRESH_SECONDS * 1_000_000)

        def settle(tx: Tx) -> None:
            settle_lists(tx, now_us=now_us)
            if known is None:
                make_stale_lists_due(tx, before_us=stale_us, now_us=now_us)
            if renewed:
                make_lists_due(tx, renewed, now_us=now_us)

        await self._database.write(settle)
        self._known = (snapshot.version, identities)

    async def _ask(self, claimed: ClaimedList) -> tuple[ProviderTemplate, ...] | str:
        """Return the provider's list, by the first of the account's tokens that serves, or why none did."""
        failure = "no source of this account has a token for it"
        tokens: set[str] = set()
        sources = _sources_of(self._directory.now, claimed)
        if not sources:
            # Another node may have seen the source first, and made the list.
            await self._directory.refresh()
            sources = _sources_of(self._directory.now, claimed)
        for source in sources:
            if source.access_token in tokens:
                continue
            tokens.add(source.access_token)
            found = await self._lister.list_templates(source.identity, waba_id=claimed.waba_id)
            if not isinstance(found, SendFailure):
                return found
            failure = found.detail
        return failure

    async def _fail(self, claimed: ClaimedList, failure: str) -> None:
        count = self._failures[claimed.key] = self._failures.get(claimed.key, 0) + 1
        wait_seconds = min(RETRY_SECONDS_MAX, FIRST_RETRY_SECONDS * 2.0 ** min(count - 1, 20))
        next_us = self._clock.now_us() + _with_jitter_us(wait_seconds)
        await self._database.write(
            lambda tx: fail_reading(tx, claimed, failure=failure[:FAILURE_CHARACTERS_MAX], next_us=next_us)
        )
        self._metrics.template_readings.labels("failed").inc()
        self._log.warning(
            "templates.reading_failed",
            account_id=claimed.account_id,
            waba_id=claimed.waba_id,
            failure=failure,
            failures=count,
        )

    async def _keep(self, claimed: ClaimedList, found: Sequence[ProviderTemplate], started_us: int) -> int:
        """Write what differs from the copy, and tell of it; return how many notifications that made."""
        rows = await asyncio.to_thread(_rows, found)
        held = {(row.name, row.language): row for row in await self._database.read(lambda tx: load_held(tx, claimed))}
        differing = [row for row in rows if held.get((row.name, row.language)) != row]
        gone = held.keys() - {(row.name, row.language) for row in rows}
        snapshot = self._directory.now

        def keep(tx: Tx) -> int:
            now_us = self._clock.now_us()
            next_us = now_us + _with_jitter_us(self._interval_seconds)
            if not end_reading(tx, claimed, next_us=next_us, now_us=now_us):
                return 0
            news = _apply(tx, claimed, differing, gone, started_us=started_us, now_us=now_us)
            return tell(tx, snapshot, self._ids, news, now_us=now_us)

        told = await self._database.write(keep)
        if differing or gone:
            self._log.info(
                "templates.changed",
                account_id=claimed.account_id,
                waba_id=claimed.waba_id,
                templates=len(rows),
                changed=len(differing),
                gone=len(gone),
            )
        return told


def _apply(
    tx: Tx,
    claimed: ClaimedList,
    differing: Sequence[MirroredTemplate],
    gone: Collection[_Name],
    *,
    started_us: int,
    now_us: int,
) -> list[News]:
    """
    Write the differences, but those that a webhook has overtaken, and return what is to be told of them.

    Of a template that was not known nothing is told: its news are the webhook's, and a first reading finds many.
    """
    names = [*((row.name, row.language) for row in differing), *gone]
    locked = {
        (template.name, template.language): template
        for template in lock_templates(tx, [(*claimed.key, *name) for name in names])
    }
    overtaken = {name for name, template in locked.items() if template.changed_at_us > started_us}
    rows = [row for row in differing if (row.name, row.language) not in overtaken]
    removed = [locked[name] for name in sorted(gone) if name in locked and name not in overtaken]
    news: list[News] = []
    for row in rows:
        before = locked.get((row.name, row.language))
        if before is not None:
            after = before._replace(
                provider_id=row.provider_id,
                category=row.category,
                status=row.status,
                quality=row.quality,
                rejected_reason=row.rejected_reason,
            )
            news += template_notices(before, after, occurred_at_us=now_us)
    for template in removed:
        news += template_notices(template, template._replace(status=DELETED), occurred_at_us=now_us)
    save_templates(tx, claimed.key, rows, now_us=now_us)
    remove_templates(tx, [template.key for template in removed])
    return news


def _rows(found: Sequence[ProviderTemplate]) -> list[MirroredTemplate]:
    return [
        MirroredTemplate(
            name=template.name,
            language=template.language,
            provider_id=template.id,
            category=template.category,
            status=template.status,
            quality=template.quality,
            rejected_reason=template.rejected_reason,
            components=orjson.dumps(template.components).decode(),
            shape=encode_shape(shape_of(template.components, category=template.category)),
        )
        for template in found
    ]


def _identities(snapshot: Snapshot) -> _Identities:
    """Return, by list, as whom it is asked for."""
    found: dict[ListKey, set[str]] = {}
    for source in snapshot.sources.values():
        found.setdefault((source.account_id, source.waba_id), set()).add(f"{source.provider} {source.access_token}")
    return {key: frozenset(identities) for key, identities in found.items()}


def _sources_of(snapshot: Snapshot, claimed: ClaimedList) -> list[Source]:
    """Return the sources that can ask for a list, those first that send."""
    sources = [
        source
        for source in snapshot.sources.values()
        if source.account_id == claimed.account_id and source.waba_id == claimed.waba_id
    ]
    return sorted(sources, key=lambda source: source.paused_reason is not None)


def _with_jitter_us(seconds: float) -> int:
    return int(seconds * (1.0 + JITTER_SHARE * random.random()) * 1_000_000)  # noqa: S311 - jitter
