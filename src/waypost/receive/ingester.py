"""
Keeping what the provider's webhooks say: one transaction for all POSTs that come at the same time.

A POST is read by its parser before, so that here only values arrive. What it may speak of is bounded by its scope: an
update about a number outside it is parked, never applied, so that nobody's webhook reaches another account.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from waypost.domain.address import digits_of
from waypost.domain.token import is_genuine, parse_token
from waypost.domain.update import (
    GroupUpdate,
    InboundUpdate,
    OtherUpdate,
    ParkedUpdate,
    StatusUpdate,
    TemplateUpdate,
    Update,
)
from waypost.domain.value import value
from waypost.following import StatusReport, follow
from waypost.observe import Metrics, get_logger
from waypost.outbox import tell
from waypost.ports import Clock, IdFactory
from waypost.receive.groups import GroupArrival, keep_group_changes
from waypost.receive.inbound import Arrival, keep_arrivals
from waypost.receive.templates import TemplateReport, keep_template_reports
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.following import ParkedStatus, find_by_wamid, park_statuses
from waypost.store.receiving import RawWebhook, keep_webhooks
from waypost.store.transaction import Tx

OUTSIDE_SCOPE: Final = "outside_scope"
REFUSED_BY_STORE: Final = "refused_by_store"
UNMATCHED: Final = "unmatched"


@value
class IngressScope:
    """
    Whose numbers a POST may speak of: who could sign it decides that.

    ``account_id`` None: the operator's own app, which serves the sources that have no app secret of their own.
    Otherwise the numbers of that account that share the secret, or have none. ``app_secret`` must never be logged.
    """

    account_id: str | None
    app_secret: str | None

    def permits(self, source: Source) -> bool:
        """Say whether the POST may speak of this source's number."""
        if self.account_id is None:
            return source.app_secret is None
        return source.account_id == self.account_id and source.app_secret in (None, self.app_secret)


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


@value
class _Delivery:
    """A POST, sorted: ``reports`` are bound by genuine tokens, ``tokenless`` have the source they are for."""

    webhook: RawWebhook
    reports: list[StatusReport]
    tokenless: list[tuple[str, StatusUpdate]]
    arrivals: list[Arrival]
    templates: list[TemplateReport]
    groups: list[GroupArrival]


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
        self._parse = parse
        self._token_key = token_key
        self._metrics = metrics
        self._statuses = metrics.receive_updates.labels("status")
        self._messages = metrics.receive_updates.labels("message")
        self._on_told = on_told
        self._step: Step[_Delivery, Ingested] = Step("receive", Lane.RECEIVE, self._ingest)
        self._log = get_logger("receive")

    async def ingest(self, body: bytes, scope: IngressScope) -> Ingested:
        """
        Keep one POST whose signature has been checked, and all that follows from it.

        Returns when it is durable. The same body again changes nothing. Raises ``StoreUnavailableError``: then nothing
        was kept, and the provider must try again.
        """
        delivery = self._deliver(body, scope)
        try:
            ingested = await self._database.run(self._step, delivery)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a row may do to the store, the other rows are not to blame
            ingested = await self._ingest_singly(delivery, error)
        self._count(delivery, ingested.committed)
        return ingested

    def _deliver(self, body: bytes, scope: IngressScope) -> _Delivery:
        """Sort what a body says by what is to be done with it."""
        now_us = self._clock.now_us()
        sources = self._directory.now.sources_by_phone_number_id
        reports: list[StatusReport] = []
        tokenless: list[tuple[str, StatusUpdate]] = []
        arrivals: list[Arrival] = []
        templates: list[TemplateReport] = []
        groups: list[GroupArrival] = []
        parked: Counter[str] = Counter()
        for update in self._parse(body):
            match update:
                case StatusUpdate() | InboundUpdate() | GroupUpdate():
                    source = sources.get(update.phone_number_id)
                    if source is None or not scope.permits(source):
                        parked[OUTSIDE_SCOPE] += 1
                    elif isinstance(update, InboundUpdate):
                        arrivals.append(_arrival(source, update, now_us=now_us))
                    elif isinstance(update, GroupUpdate):
                        groups.append(GroupArrival(source=source, change=update.change))
                    elif (report := self._report(source, update)) is not None:
                        reports.append(report)
                    else:
                        tokenless.append((source.id, update))
                case TemplateUpdate():
                    found = self._template_reports(update, scope)
                    templates += found
                    if not found:
                        parked[OUTSIDE_SCOPE] += 1
                case OtherUpdate():
                    self._metrics.receive_updates.labels("other").inc()
                case ParkedUpdate():
                    parked[update.reason] += 1
        for reason, times in parked.items():
            self._metrics.receive_parked.labels(reason).inc(times)
        reasons = ",".join(sorted(parked)) or None
        webhook = RawWebhook(self._ids.new(), hashlib.sha256(body).hexdigest(), now_us, body, reasons)
        return _Delivery(
            webhook=webhook,
            reports=reports,
            tokenless=tokenless,
            arrivals=arrivals,
            templates=templates,
            groups=groups,
        )

    def _template_reports(self, update: TemplateUpdate, scope: IngressScope) -> list[TemplateReport]:
        """Assign news of a template to the accounts that have a number of its business account, within the scope."""
        sources = self._directory.now.sources.values()
        accounts = {s.account_id for s in sources if s.waba_id == update.waba_id and scope.permits(s)}
        return [TemplateReport(account_id=account_id, update=update) for account_id in sorted(accounts)]

    def _report(self, source: Source, update: StatusUpdate) -> StatusReport | None:
        """Assign a status to the message that its token names; None without a token that is ours and genuine."""
        token = None if update.token is None else parse_token(update.token)
        if token is None or not is_genuine(self._token_key, account_id=source.account_id, token=token):
            return None
        return StatusReport(
            source_id=source.id,
            message_id=token.message_id,
            wamid=update.wamid,
            number=token.number,
            fact=update.fact,
        )

    def _ingest(self, tx: Tx, deliveries: Sequence[_Delivery]) -> Sequence[Ingested]:
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

    def _keep_raw(self, tx: Tx, deliveries: Sequence[_Delivery]) -> dict[str, _Delivery]:
        """Keep the raw bodies; return by digest the deliveries that are not known, each once."""
        by_digest: dict[str, _Delivery] = {}
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

    async def _ingest_singly(self, delivery: _Delivery, error: Exception) -> Ingested:
        """
        Keep each update by itself, so that one that the store refuses costs only itself (INB-4).

        If none can be kept the fault is not theirs, and the error is raised: the provider must try again.
        """
        parked = delivery.webhook._replace(parked_reason=REFUSED_BY_STORE)
        empty = _Delivery(webhook=parked, reports=[], tokenless=[], arrivals=[], templates=[], groups=[])
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

    def _count(self, delivery: _Delivery, committed: Committed | None) -> None:
        """Count what a transaction came to; its lag is that of one of its POSTs."""
        if committed is None:
            return
        occurred_at_us = _first_time_us(delivery)
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


def _arrival(source: Source, update: InboundUpdate, *, now_us: int) -> Arrival:
    message = update.message
    if not message.to_number:
        message = replace(message, to_number=digits_of(source.phone_number))
    return Arrival(source=source, message=message, received_at_us=now_us)


def _first_time_us(delivery: _Delivery) -> int | None:
    if delivery.reports:
        return delivery.reports[0].fact.occurred_at_us
    if delivery.tokenless:
        return delivery.tokenless[0][1].fact.occurred_at_us
    return delivery.arrivals[0].message.occurred_at_us if delivery.arrivals else None
