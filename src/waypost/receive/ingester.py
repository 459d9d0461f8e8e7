"""
Keeping what the provider's webhooks say: one transaction for all POSTs that come at the same time.

What a POST says is sorted before, by ``receive.sorting``: here only values arrive, each of a number it may speak of.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from waypost.domain.update import StatusUpdate, Update
from waypost.domain.value import value
from waypost.following import StatusReport, follow
from waypost.observe import Metrics, get_logger
from waypost.outbox import tell
from waypost.ports import Clock, IdFactory
from waypost.receive.groups import keep_group_changes
from waypost.receive.inbound import keep_arrivals
from waypost.receive.sorting import Delivery, IngressScope, Sorter
from waypost.receive.templates import keep_template_reports
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.following import ParkedStatus, find_by_wamid, park_statuses
from waypost.store.receiving import keep_webhooks
from waypost.store.transaction import Tx

REFUSED_BY_STORE: Final = "refused_by_store"
UNMATCHED: Final = "unmatched"


@value
class Committed:
    """What one transaction came to, over all the POSTs in it."""

    posts: int
    repeats: int
    statuses: int
    messages: int
    templates: int
    groups: int
    unmatched: int
    told: int
    resolved: int
    duplicates: int


@value
class Ingested:
    """
    What came of one POST; ``is_repeat``: an equal one was kept before, and this one changed nothing.

    ``committed`` is told to one of the transaction's callers, to be counted once.
    """

    is_repeat: bool = False
    committed: Committed | None = None


class Ingester:
    """
    Keeps the provider's webhooks.

    Args:
        parse: reads a raw body; never raises (``providers.cloud_api.events.read_updates``).
        token_key: the install's key, with which the dispatcher makes its tokens.
        on_told: called on the loop after a commit that left something for the notifier.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        parse: Callable[[bytes], Sequence[Update]],
        token_key: bytes,
        metrics: Metrics,
        on_told: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._sorter = Sorter(directory, clock, ids, parse=parse, token_key=token_key, metrics=metrics)
        self._metrics = metrics
        self._statuses = metrics.receive_updates.labels("status")
        self._messages = metrics.receive_updates.labels("message")
        self._on_told = on_told
        self._step: Step[Delivery, Ingested] = Step("receive", Lane.RECEIVE, self._ingest)
        self._log = get_logger("receive")

    async def ingest(self, body: bytes, scope: IngressScope) -> Ingested:
        """
        Keep one POST whose signature has been checked, and all that follows from it.

        Returns when it is durable. The same body again changes nothing. Raises ``StoreUnavailableError``: then nothing
        was kept, and the provider must try again.
        """
        delivery = self._sorter.sort(body, scope)
        try:
            ingested = await self._database.run(self._step, delivery)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row may do to the store, the other rows are not to blame
            ingested = await self._ingest_singly(delivery, error)
        self._count(delivery, ingested.committed)
        return ingested

    def _ingest(self, tx: Tx, deliveries: Sequence[Delivery]) -> Sequence[Ingested]:
        """Keep what concurrent POSTs say; the number of statements does not depend on how much it is."""
        snapshot = self._directory.now
        now_us = deliveries[-1].webhook.received_at_us
        fresh = self._keep_raw(tx, deliveries)
        reports = [report for delivery in fresh.values() for report in delivery.reports]
        tokenless = [status for delivery in fresh.values() for status in delivery.tokenless]
        arrivals = [arrival for delivery in fresh.values() for arrival in delivery.arrivals]
        unmatched = self._match(tx, tokenless, reports, now_us=now_us) if tokenless else 0
        followed = follow(tx, snapshot, self._ids, reports, now_us=now_us)
        news = keep_arrivals(tx, snapshot, self._ids, arrivals) if arrivals else []
        templates = [report for delivery in fresh.values() for report in delivery.templates]
        if templates:
            news = [*news, *keep_template_reports(tx, templates, now_us=now_us)]
        groups = [group for delivery in fresh.values() for group in delivery.groups]
        if groups:
            news = [*news, *keep_group_changes(tx, groups)]
        told = tell(tx, snapshot, self._ids, news, now_us=now_us) if news else 0
        committed = Committed(
            posts=len(deliveries),
            repeats=len(deliveries) - len(fresh),
            statuses=len(reports) + unmatched,
            messages=len(arrivals),
            templates=len(templates),
            groups=len(groups),
            unmatched=unmatched + followed.unmatched,
            told=told + followed.told,
            resolved=followed.resolved,
            duplicates=followed.duplicates,
        )
        return [
            Ingested(
                is_repeat=fresh.get(delivery.webhook.digest) is not delivery,
                committed=committed if place == 0 else None,
            )
            for place, delivery in enumerate(deliveries)
        ]

    def _keep_raw(self, tx: Tx, deliveries: Sequence[Delivery]) -> dict[str, Delivery]:
        """Keep the raw bodies; return by digest the deliveries that are not known, each once."""
        by_digest: dict[str, Delivery] = {}
        for delivery in deliveries:
            by_digest.setdefault(delivery.webhook.digest, delivery)
        digests = sorted(by_digest)
        fresh = keep_webhooks(tx, [by_digest[digest].webhook for digest in digests])
        return (
            by_digest
            if len(fresh) == len(by_digest)
            else {digest: by_digest[digest] for digest in digests if digest in fresh}
        )

    def _match(
        self, tx: Tx, tokenless: Sequence[tuple[str, StatusUpdate]], reports: list[StatusReport], *, now_us: int
    ) -> int:
        """
        Add reports of the statuses whose message is known by the provider's id; park the rest and return how many.

        They are parked before the reports are applied: a token among these may bind just the message they wait for.
        """
        by_wamid = find_by_wamid(tx, sorted({update.wamid for _, update in tokenless}))
        parked: list[tuple[str, ParkedStatus, str | None]] = []
        for source_id, update in tokenless:
            message_id = by_wamid.get((source_id, update.wamid))
            if message_id is None:
                row = ParkedStatus(source_id, update.wamid, update.fact)
                parked.append((self._ids.new(), row, update.recipient))
                continue
            reports.append(
                StatusReport(
                    source_id=source_id, message_id=message_id, wamid=update.wamid, number=None, fact=update.fact
                )
            )
        park_statuses(tx, parked, now_us=now_us)
        return len(parked)

    async def _ingest_singly(self, delivery: Delivery, error: Exception) -> Ingested:
        """
        Keep each update by itself, so that one that the store refuses costs only itself (INB-4).

        If none can be kept the fault is not theirs, and the error is raised: the provider must try again.
        """
        parked = delivery.webhook._replace(parked_reason=REFUSED_BY_STORE)
        empty = Delivery(webhook=parked, reports=[], tokenless=[], arrivals=[], templates=[], groups=[])
        parts = [replace(empty, reports=[report]) for report in delivery.reports]
        parts += [replace(empty, tokenless=[status]) for status in delivery.tokenless]
        parts += [replace(empty, arrivals=[arrival]) for arrival in delivery.arrivals]
        parts += [replace(empty, templates=[report]) for report in delivery.templates]
        parts += [replace(empty, groups=[group]) for group in delivery.groups]
        kept: list[Ingested] = []
        for part in parts:
            try:
                kept.append(await self._database.run(self._step, part))
            except StoreUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - as in ingest
                self._metrics.receive_parked.labels(REFUSED_BY_STORE).inc()
                self._log.exception("webhook.update_refused", digest=delivery.webhook.digest)
        if not kept:
            raise error
        if len(kept) == len(parts):
            await self._database.run(self._step, replace(empty, webhook=delivery.webhook))
        for ingested in kept[1:]:
            self._count(delivery, ingested.committed)
        return kept[0]

    def _count(self, delivery: Delivery, committed: Committed | None) -> None:
        """Count what a transaction came to; its lag is that of one of its POSTs."""
        if committed is None:
            return
        occurred_at_us = delivery.first_time_us
        if occurred_at_us is not None:
            lag_us = max(0, self._clock.now_us() - occurred_at_us)
            self._metrics.receive_lag_seconds.observe(lag_us / 1_000_000)
        if committed.statuses:
            self._statuses.inc(committed.statuses)
        if committed.messages:
            self._messages.inc(committed.messages)
        if committed.templates:
            self._metrics.receive_updates.labels("template").inc(committed.templates)
        if committed.groups:
            self._metrics.receive_updates.labels("group").inc(committed.groups)
        if committed.unmatched:
            self._metrics.receive_parked.labels(UNMATCHED).inc(committed.unmatched)
        if committed.resolved:
            self._metrics.dispatch_in_doubt_ends.labels("resolved").inc(committed.resolved)
        if committed.duplicates:
            self._metrics.dispatch_duplicates.inc(committed.duplicates)
        self._log.info(
            "webhooks.received",
            posts=committed.posts,
            repeats=committed.repeats,
            statuses=committed.statuses,
            messages=committed.messages,
            templates=committed.templates,
            groups=committed.groups,
            unmatched=committed.unmatched,
            notifications=committed.told,
            resolved=committed.resolved,
            duplicates=committed.duplicates,
        )
        if committed.told:
            self._on_told()
