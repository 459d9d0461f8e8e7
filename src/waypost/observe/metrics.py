"""
Prometheus metrics, by the verb they belong to.

No label holds a phone number or an id: labels are closed sets (a state, a code, a kind), so that the number of series
does not grow with use. `docs/metrics.md` is generated from here.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from waypost.observe.histogram import LoopHistogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_QUICK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_BATCH_ITEMS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """
    All metrics of one gateway in a registry of its own, so that two gateways in one process keep apart.

    Hot paths take their child once (`metrics.dispatch_outcomes.labels("accepted")`) and count by the batch
    (`.inc(count)`): the look-up of labels costs more than the increment. `store_failures` and other rare ones may be
    looked up where they happen.
    """

    def __init__(self, *, version: str = "") -> None:
        self.registry = CollectorRegistry()
        self._accept()
        self._dispatch()
        self._receive()
        self._notify()
        self._media()
        self._store()
        self._http()
        ProcessCollector(registry=self.registry)
        self._gauge("waypost_build_info", "1, with the running version.", ["version"]).labels(version).set(1)

    def render(self) -> bytes:
        """Return the text exposition, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, labels: list[str] | None = None) -> Counter:
        return Counter(name, help_text, labels or [], registry=self.registry)

    def _gauge(self, name: str, help_text: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(name, help_text, labels or [], registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], labels: list[str]) -> Histogram:
        return Histogram(name, help_text, labels, buckets=buckets, registry=self.registry)

    def _loop_histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> LoopHistogram:
        histogram = LoopHistogram(name, help_text, buckets)
        self.registry.register(histogram)
        return histogram

    def _accept(self) -> None:
        self.accept_messages = self._counter(
            "waypost_accept_messages", "Messages accepted and durable, by message type.", ["message_type"]
        )
        self.accept_refused = self._counter(
            "waypost_accept_refused", "Messages or requests refused, by the contract's code.", ["code"]
        )
        self.accept_replayed = self._counter(
            "waypost_accept_replayed", "Requests answered from an idempotency record instead of anew."
        )

    def _dispatch(self) -> None:
        self.dispatch_queue_messages = self._gauge(
            "waypost_dispatch_queue_messages", "Messages that have not ended, by state.", ["state"]
        )
        self.dispatch_queue_oldest_seconds = self._gauge(
            "waypost_dispatch_queue_oldest_seconds", "Age of the oldest such message, by state, in seconds.", ["state"]
        )
        self.dispatch_starts = self._counter("waypost_dispatch_starts", "Attempts started towards the provider.")
        self.dispatch_wait_seconds = self._loop_histogram(
            "waypost_dispatch_wait_seconds",
            "Time from a message's acceptance to its first request, its schedule included, in seconds.",
            _SLOW_SECONDS,
        )
        self.dispatch_outcomes = self._counter(
            "waypost_dispatch_outcomes",
            "Attempts ended, by outcome: accepted, rejected, throttled, transient, misconfigured, in_doubt, ...",
            ["outcome"],
        )
        self.dispatch_in_flight = self._gauge("waypost_dispatch_in_flight", "Requests to the provider under way.")
        self.dispatch_upstream_seconds = self._loop_histogram(
            "waypost_dispatch_upstream_seconds", "Time of a request to the provider, in seconds.", _SLOW_SECONDS
        )
        self.dispatch_upstream_errors = self._counter(
            "waypost_dispatch_upstream_errors", "Requests to the provider that did not end well, by kind.", ["kind"]
        )
        self.dispatch_in_doubt = self._gauge("waypost_dispatch_in_doubt", "Attempts in doubt now.")
        self.dispatch_in_doubt_ends = self._counter(
            "waypost_dispatch_in_doubt_ends",
            "Attempts that left doubt, by how: resolved (a status came), released (sent again), unknown (given up).",
            ["end"],
        )
        self.dispatch_duplicates = self._counter(
            "waypost_dispatch_duplicates", "Messages the provider is known to have accepted twice."
        )
        self.dispatch_sources_paused = self._gauge(
            "waypost_dispatch_sources_paused", "Sources that are paused and do not send."
        )
        self.dispatch_shards_owned = self._gauge("waypost_dispatch_shards_owned", "Shards this process owns.")

    def _receive(self) -> None:
        self.receive_webhooks = self._counter(
            "waypost_receive_webhooks", "Webhook requests of the provider, by outcome.", ["outcome"]
        )
        self.receive_updates = self._counter(
            "waypost_receive_updates", "Updates in those requests, by kind: message, status, ...", ["kind"]
        )
        self.receive_lag_seconds = self._loop_histogram(
            "waypost_receive_lag_seconds",
            "Time from the provider's stamp to our commit, in seconds.",
            _SLOW_SECONDS,
        )
        self.receive_seconds = self._loop_histogram(
            "waypost_receive_seconds", "Time from a webhook's last byte to our commit, in seconds.", _QUICK_SECONDS
        )
        self.receive_parked = self._counter(
            "waypost_receive_parked", "Updates kept without a match or a meaning, by reason.", ["reason"]
        )

        self.template_readings = self._counter(
            "waypost_receive_template_readings",
            "Lists of templates read from the provider, by outcome: read, failed.",
            ["outcome"],
        )

    def _notify(self) -> None:
        self.notify_notifications = self._gauge(
            "waypost_notify_notifications", "Notifications not yet delivered, by state.", ["state"]
        )
        self.notify_oldest_seconds = self._gauge(
            "waypost_notify_oldest_seconds", "Age of the oldest notification that is due, in seconds."
        )
        self.notify_deliveries = self._counter(
            "waypost_notify_deliveries", "Deliveries tried, by outcome: delivered, failed, dead.", ["outcome"]
        )
        self.notify_delivery_seconds = self._loop_histogram(
            "waypost_notify_delivery_seconds", "Time of one delivery, in seconds.", _SLOW_SECONDS
        )
        self.notify_latency_seconds = self._loop_histogram(
            "waypost_notify_latency_seconds", "Time from an event to its delivery, in seconds.", _SLOW_SECONDS
        )
        self.notify_endpoints_disabled = self._counter(
            "waypost_notify_endpoints_disabled", "Webhook endpoints disabled, by reason.", ["reason"]
        )

    def _media(self) -> None:
        self.media_fetches = self._counter(
            "waypost_media_fetches", "Attachments fetched from customers' URLs, by outcome.", ["outcome"]
        )
        self.media_uploads = self._counter(
            "waypost_media_uploads", "Media given to the provider, by outcome.", ["outcome"]
        )
        self.media_stored_bytes = self._counter("waypost_media_stored_bytes", "Bytes of media stored.")

    def _store(self) -> None:
        self.store_batch_items = self._histogram(
            "waypost_store_batch_items", "Items in one transaction, by step.", _BATCH_ITEMS, ["step"]
        )
        self.store_commit_seconds = self._histogram(
            "waypost_store_commit_seconds", "Time of one transaction, by step, in seconds.", _QUICK_SECONDS, ["step"]
        )
        self.store_waiting_items = self._gauge("waypost_store_waiting_items", "Items waiting for a transaction.")
        self.store_failures = self._counter("waypost_store_failures", "Transactions that failed, by step.", ["step"])

    def _http(self) -> None:
        self.http_connections = self._gauge("waypost_http_connections", "Open connections of clients.")
        self.http_connections_refused = self._counter(
            "waypost_http_connections_refused",
            "Connections closed by the guard, by reason: full, address_full, header_timeout, slow_body, ...",
            ["reason"],
        )
