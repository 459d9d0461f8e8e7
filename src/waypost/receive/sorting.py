"""
What a POST of the provider's says, sorted by what is to be done with it.

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
from waypost.following import StatusReport
from waypost.observe import Metrics
from waypost.ports import Clock, IdFactory
from waypost.receive.groups import GroupArrival
from waypost.receive.inbound import Arrival
from waypost.receive.templates import TemplateReport
from waypost.store.directory import Directory, Source
from waypost.store.receiving import RawWebhook

OUTSIDE_SCOPE: Final = "outside_scope"


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
class Delivery:
    """A POST, sorted: ``reports`` are bound by genuine tokens, ``tokenless`` have the source they are for."""

    webhook: RawWebhook
    reports: list[StatusReport]
    tokenless: list[tuple[str, StatusUpdate]]
    arrivals: list[Arrival]
    templates: list[TemplateReport]
    groups: list[GroupArrival]

    @property
    def first_time_us(self) -> int | None:
        """When one of the things that it tells of happened; None where it tells of none that has a time."""
        if self.reports:
            return self.reports[0].fact.occurred_at_us
        if self.tokenless:
            return self.tokenless[0][1].fact.occurred_at_us
        return self.arrivals[0].message.occurred_at_us if self.arrivals else None


class Sorter:
    """
    Sorts bodies.

    Args:
        parse: reads a raw body; never raises (``providers.cloud_api.events.read_updates``).
        token_key: the install's key, with which the dispatcher makes its tokens.
    """

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        parse: Callable[[bytes], Sequence[Update]],
        token_key: bytes,
        metrics: Metrics,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._parse = parse
        self._token_key = token_key
        self._metrics = metrics

    def sort(self, body: bytes, scope: IngressScope) -> Delivery:
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
        return Delivery(
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


def _arrival(source: Source, update: InboundUpdate, *, now_us: int) -> Arrival:
    message = update.message
    if not message.to_number:
        message = replace(message, to_number=digits_of(source.phone_number))
    return Arrival(source=source, message=message, received_at_us=now_us)
