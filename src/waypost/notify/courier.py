"""One delivery: the POST, and what its end means."""

import time

from waypost.domain.retry import parse_retry_after
from waypost.notify.lane import Lane, Signer
from waypost.notify.outcome import Outcome, Rule, is_acknowledged, judge
from waypost.notify.turn import Settlement
from waypost.notify.unit import Unit
from waypost.observe import get_logger
from waypost.outbound.http import HttpClient, OutboundError, Timeouts
from waypost.ports import Clock
from waypost.settings import NotifySettings
from waypost.store.directory import Endpoint

_logger = get_logger("notify")


class Courier:
    """Makes deliveries; holds no state of them."""

    def __init__(self, http_client: HttpClient, clock: Clock, settings: NotifySettings) -> None:
        self._http = http_client
        self._clock = clock
        self._answer_bytes_max = settings.response_bytes_max
        self._rule = Rule(schedule_seconds=settings.schedule_seconds, jitter_share=settings.jitter_share)
        self._timeouts = _timeouts_of(settings)

    async def deliver(
        self, endpoint: Endpoint, lane: Lane, unit: Unit, *, free_until_us: int | None, random: float
    ) -> Settlement:
        """
        POST a unit once and judge the end. Never raises but for cancellation.

        Args:
            endpoint: where to, as the directory has it now.
            lane: keeps the endpoint's signer, and is told until when the endpoint wants to be left alone.
            unit: what.
            free_until_us: the unit was released before its time, which is this: until then a failure does not count.
            random: for the jitter, in [0, 1).

        """
        started_at_us, started = self._clock.now_us(), time.monotonic()
        status: int | None = None
        error, answer, retry_after = "", None, None
        try:
            if lane.signer is None or lane.signer.endpoint is not endpoint:
                lane.signer = Signer(endpoint)
            body = unit.body()
            got = await self._http.request(
                "POST",
                endpoint.url,
                headers=lane.signer.headers(webhook_id=unit.webhook_id, body=body, now_us=started_at_us),
                body=body,
                timeouts=self._timeouts,
                body_bytes_max=self._answer_bytes_max,
            )
            status = got.status
            if not is_acknowledged(status):
                error, answer, retry_after = f"status {status}", _as_text(got.body), got.headers.get("retry-after")
        except OutboundError as failure:
            status, error = failure.status, failure.kind.value
        except Exception:  # One delivery's outer edge: a defect in one costs no other.
            _logger.exception("notify.delivery_broken", endpoint_id=endpoint.id)
            error = "internal error"
        ended_at_us = self._clock.now_us()
        duration_us = int((time.monotonic() - started) * 1e6)
        if is_acknowledged(status):
            return Settlement(unit, Outcome.DELIVERED, status, ended_at_us, started_at_us, duration_us)
        retry_after_seconds = parse_retry_after(retry_after, now_us=ended_at_us)
        if retry_after_seconds is not None:
            lane.held_until_us = ended_at_us + int(retry_after_seconds * 1e6)
        is_free = free_until_us is not None and ended_at_us < free_until_us
        failed_tries = unit.attempts + (0 if is_free else 1)
        verdict = judge(
            self._rule,
            status=status,
            failed_tries=failed_tries,
            retry_after_seconds=retry_after_seconds,
            random=random,
        )
        due_at_us = ended_at_us + int(verdict.wait_seconds * 1e6)
        if is_free and free_until_us is not None:
            due_at_us = max(free_until_us, lane.held_until_us)
        return Settlement(
            unit=unit,
            outcome=verdict.outcome,
            status=status,
            ended_at_us=ended_at_us,
            started_at_us=started_at_us,
            duration_us=duration_us,
            failed_tries=failed_tries,
            due_at_us=due_at_us,
            is_gone=verdict.is_gone,
            error=error,
            answer=answer,
        )


def _timeouts_of(settings: NotifySettings) -> Timeouts:
    """Fit the phases before the first byte into the time of a delivery, however short it is set."""
    total = settings.timeout_seconds
    return Timeouts(
        total_seconds=total,
        pool_seconds=total / 4,
        dns_seconds=min(2.0, total / 8),
        connect_seconds=min(settings.connect_timeout_seconds, total / 2),
        read_seconds=total,
    )


def _as_text(body: bytes) -> str | None:
    """Return a foreign answer as text that any database takes: control characters become spaces."""
    text = body.decode("utf-8", "replace")
    return "".join([char if char >= " " and char != "\x7f" else " " for char in text]) or None
