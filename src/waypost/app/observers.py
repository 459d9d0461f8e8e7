"""What the verbs tell of themselves, as metrics and log lines; label look-ups are done once, here."""

from collections.abc import Mapping, Sequence

from waypost.contract.errors import remark_of
from waypost.domain.errors import FailureReason, SendFailureKind
from waypost.domain.message import MessageDraft, MessageKind
from waypost.observe import Metrics, get_logger


class CommitMetrics:
    """One wide line and three numbers for each committed batch: the unit of work of every hot step."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = get_logger("store")

    def committed(self, *, step: str, items: int, seconds: float) -> None:
        """See ``CommitObserver``."""
        self._metrics.store_batch_items.labels(step).observe(items)
        self._metrics.store_commit_seconds.labels(step).observe(seconds)
        self._log.debug("store.committed", step=step, items=items, seconds=round(seconds, 6))

    def failed(self, *, step: str, items: int, error: str) -> None:
        """See ``CommitObserver``."""
        self._metrics.store_failures.labels(step).inc()
        self._log.error("store.commit_failed", step=step, items=items, error=error)


class SendMetrics:
    """Counts what the send endpoint answers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._by_kind = {kind: metrics.accept_messages.labels(kind.value) for kind in MessageKind}

    def accepted(self, drafts: list[MessageDraft]) -> None:
        """Count accepted messages by type."""
        if len(drafts) == 1:
            self._by_kind[drafts[0].kind].inc()
            return
        counts: dict[MessageKind, int] = {}
        for draft in drafts:
            counts[draft.kind] = counts.get(draft.kind, 0) + 1
        for kind, count in counts.items():
            self._by_kind[kind].inc(count)

    def replayed(self) -> None:
        """Count a request answered from its idempotency record."""
        self._metrics.accept_replayed.inc()

    def refused(self, code: str) -> None:
        """Count a refusal by the contract's code."""
        self._metrics.accept_refused.labels(code).inc()


class DispatchMetrics:
    """Counts attempts; one log line per round that did something."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        outcomes = ["accepted", *SendFailureKind]
        self._outcomes = {outcome: metrics.dispatch_outcomes.labels(outcome) for outcome in outcomes}
        self._log = get_logger("dispatch")

    def ended(self, *, outcome: str, seconds: float) -> None:
        """See ``DispatchObserver``."""
        self._outcomes[outcome].inc()
        self._metrics.dispatch_upstream_seconds.observe(seconds)
        if outcome != "accepted":
            self._metrics.dispatch_upstream_errors.labels(outcome).inc()

    def round_done(
        self,
        *,
        starts: int,
        settled: int,
        in_flight: int,
        refused: Mapping[FailureReason, int],
        waits_us: Sequence[int],
    ) -> None:
        """See ``DispatchObserver``."""
        self._metrics.dispatch_starts.inc(starts)
        for wait_us in waits_us:
            # Accepted by a node whose clock is ahead, a message may seem to have waited less than nothing.
            self._metrics.dispatch_wait_seconds.observe(max(0, wait_us) / 1_000_000)
        self._metrics.dispatch_in_flight.set(in_flight)
        for reason, count in refused.items():
            self._metrics.accept_refused.labels(remark_of(reason)[:4]).inc(count)
        self._log.info(
            "dispatch.round",
            starts=starts,
            settled=settled,
            in_flight=in_flight,
            refused={reason.value: count for reason, count in refused.items()} or None,
        )

    def swept(self, *, released: int, given_up: int) -> None:
        """See ``DoubtObserver``."""
        if released:
            self._metrics.dispatch_in_doubt_ends.labels("released").inc(released)
        if given_up:
            self._metrics.dispatch_in_doubt_ends.labels("unknown").inc(given_up)
