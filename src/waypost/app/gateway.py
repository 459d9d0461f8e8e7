"""
The gateway's services, wired by role and in the order of starting; they stop in reverse.

Opening order is what each part rests on: store, directory, ownership, clients, web, then the verbs that start requests
of their own. So at a stop the dispatcher drains while the provider's webhooks are still taken.
"""

from collections.abc import Collection

from waypost.accept.acceptor import Acceptor
from waypost.accept.bulk import BulkFeeder, FeedLimits
from waypost.app.clients import Clients, open_clients
from waypost.app.foundation import Foundation
from waypost.app.maintenance_parts import maintenance_parts
from waypost.app.media_supply import MediaSupply
from waypost.app.observers import DispatchMetrics, SendMetrics
from waypost.app.parts import Part
from waypost.app.tracked_links import open_links
from waypost.app.web_parts import WebParts
from waypost.dispatch.dispatcher import Dispatcher
from waypost.dispatch.in_doubt import DoubtWatch, SweepSettings
from waypost.dispatch.interfaces import DispatchLimits
from waypost.dispatch.media_wait import MediaWait
from waypost.dispatch.sender import Sender
from waypost.domain.doubt import DoubtLimits
from waypost.domain.throttle import Pace
from waypost.maintenance.gauges import Gauges
from waypost.maintenance.leases import LOCK_FILE, ExclusiveOwnership, LeasedOwnership
from waypost.media.collector import Collector
from waypost.media.supplier import Supplier
from waypost.notify.notifier import Notifier
from waypost.receive.heartbeat import IngressHeartbeat
from waypost.service import LoopWatchdog, Service
from waypost.settings import Role
from waypost.store.claiming import LaneKey
from waypost.store.directory import shard_of
from waypost.web.auth import Authenticator
from waypost.web.key_use import KeyUseRecorder
from waypost.web.server import HttpService


class Gateway:
    """The parts of one process; ``services`` is what ``run_services`` runs."""

    def __init__(self, foundation: Foundation, roles: frozenset[Role]) -> None:
        self.foundation = foundation
        self.roles = roles
        self.clients: Clients = open_clients(foundation)
        self.leases = self._leases()
        self.authenticator = Authenticator(
            foundation.directory,
            foundation.clock,
            failures_per_minute_max=foundation.settings.limits.login_failures_max,
        )
        self.notifier = self._notifier()
        self.collector = Collector(
            database=foundation.database,
            directory=foundation.directory,
            blobs=foundation.blobs,
            provider=self.clients.provider,
            clock=foundation.clock,
            metrics=foundation.metrics,
        )
        self.gauges = Gauges(
            database=foundation.database,
            directory=foundation.directory,
            leases=self.leases,
            clock=foundation.clock,
            metrics=foundation.metrics,
            limits=foundation.settings.limits,
            queue_items_max=foundation.settings.store.queue_items_max,
            owns_endpoint=self._owns_endpoint,
        )
        self.media_wait = self._media_wait()
        self.dispatcher = self._dispatcher()
        self.feeder = self._feeder()
        self.web = WebParts(
            foundation,
            roles,
            authenticator=self.authenticator,
            collector=self.collector,
            calls=self.clients.calls,
            upstream=self.clients.upstream,
            read_marker=self.clients.provider,
            overload=self.gauges,
            wake_dispatcher=self.dispatcher.wake,
            wake_feeder=self.feeder.wake,
            lanes_ended=self._lanes_ended,
            wake_notifier=self.notifier.wake,
        )
        self.server = HttpService(
            "web",
            self.web.app,
            host=foundation.settings.host,
            port=foundation.settings.port,
            settings=foundation.settings,
            metrics=foundation.metrics,
        )
        self.services = self._services()

    def _wake_dispatcher(self) -> None:
        self.dispatcher.wake()

    def _lanes_ended(self, lanes: Collection[LaneKey]) -> None:
        """
        Let the lanes of messages that somebody else ended go on, where they are ours.

        A lane of another node's shard goes on within a minute, when the message behind asks for itself.
        """
        owned = self.leases.owned() if "dispatch" in self.roles else frozenset()
        own = [lane for lane in lanes if shard_of(lane[0]) in owned]
        for lane in own:
            self.dispatcher.release(lane)
        if own:
            self.dispatcher.wake({source_id for source_id, _ in own})

    def _owns_endpoint(self, endpoint_id: str) -> bool:
        return shard_of(endpoint_id) in self.leases.owned()

    def _media_wait(self) -> MediaWait:
        foundation = self.foundation
        supplier = Supplier(
            foundation.database,
            foundation.blobs,
            self.clients.fetcher,
            self.clients.provider,
            foundation.clock,
            settings=foundation.settings.media,
            metrics=foundation.metrics,
            collect=self.collector.collect_now,
        )
        return MediaWait(
            database=foundation.database,
            directory=foundation.directory,
            supplier=MediaSupply(supplier),
            clock=foundation.clock,
            ids=foundation.ids,
            on_ready=lambda source_id: self.dispatcher.wake({source_id}),
            on_ended=lambda lane: self.dispatcher.release(lane),  # noqa: PLW0108 - the dispatcher is made later
            on_told=self.notifier.wake,
        )

    def _leases(self) -> ExclusiveOwnership | LeasedOwnership:
        foundation = self.foundation
        if foundation.is_embedded:
            return ExclusiveOwnership(foundation.settings.data_dir / LOCK_FILE)
        limits = foundation.settings.leases
        return LeasedOwnership(
            database=foundation.database,
            clock=foundation.clock,
            node=foundation.node,
            lease_seconds=limits.lease_seconds,
            renew_seconds=limits.renew_seconds,
            margin_seconds=limits.margin_seconds,
            on_change=self._wake_dispatcher,
        )

    def _notifier(self) -> Notifier:
        foundation = self.foundation
        return Notifier(
            foundation.database,
            foundation.directory,
            self.clients.customers,
            foundation.clock,
            foundation.ids,
            settings=foundation.settings.notify,
            metrics=foundation.metrics,
            owns=self._owns_endpoint,
        )

    def _dispatcher(self) -> Dispatcher:
        foundation, limits = self.foundation, self.foundation.settings.dispatch
        return Dispatcher(
            database=foundation.database,
            directory=foundation.directory,
            sender=Sender(
                self.clients.provider,
                DispatchMetrics(foundation.metrics),
                token_key=foundation.token_key,
                links=open_links(foundation),
            ),
            leases=self.leases,
            media=self.media_wait,
            clock=foundation.clock,
            ids=foundation.ids,
            node=foundation.node,
            limits=DispatchLimits(
                in_flight_max=limits.in_flight_max,
                batch_max=limits.batch_max,
                poll_seconds=limits.poll_seconds,
                number_pace=Pace(limits.number_rate_per_second, limits.number_burst),
                pair_pace=Pace(1.0 / max(limits.pair_interval_seconds, 1e-6), limits.pair_burst),
                attempts_max=limits.attempts_max,
                soft_refusal_wait_seconds=limits.soft_refusal_wait_seconds,
                url_fresh_seconds=foundation.settings.media.cache_seconds,
            ),
            observer=DispatchMetrics(foundation.metrics),
            on_told=self.notifier.wake,
        )

    def _feeder(self) -> BulkFeeder:
        foundation, limits = self.foundation, self.foundation.settings.bulk
        return BulkFeeder(
            database=foundation.database,
            directory=foundation.directory,
            clock=foundation.clock,
            acceptor=Acceptor(foundation.database, foundation.directory, foundation.clock, foundation.ids),
            overload=self.gauges,
            observer=SendMetrics(foundation.metrics),
            limits=FeedLimits(
                chunk_rows=limits.chunk_rows, backlog_max=limits.backlog_max, poll_seconds=limits.poll_seconds
            ),
            on_accepted=self.dispatcher.wake,
        )

    def _doubt_watch(self) -> DoubtWatch:
        foundation, limits = self.foundation, self.foundation.settings.dispatch
        return DoubtWatch(
            database=foundation.database,
            directory=foundation.directory,
            leases=self.leases,
            clock=foundation.clock,
            ids=foundation.ids,
            settings=SweepSettings(
                sweep_seconds=limits.sweep_seconds,
                ingress_gap_seconds=limits.ingress_gap_seconds,
                cohort_window_seconds=limits.cohort_window_seconds,
                limits=DoubtLimits(
                    hold_seconds=limits.hold_seconds,
                    cohort_size_min=limits.cohort_size_min,
                    doubt_seconds_max=limits.doubt_seconds_max,
                    room_seconds=limits.request_timeout_seconds,
                ),
            ),
            observer=DispatchMetrics(foundation.metrics),
            on_released=self._wake_dispatcher,
            on_told=self.notifier.wake,
        )

    @property
    def is_ready(self) -> bool:
        """Whether all services have started; until then ``/health/ready`` answers 503."""
        return self.web.is_ready

    @is_ready.setter
    def is_ready(self, value: bool) -> None:
        self.web.is_ready = value

    def _services(self) -> list[Service]:
        foundation, settings, roles = self.foundation, self.foundation.settings, self.roles
        services: list[Service] = [
            Part(name="watchdog", running=LoopWatchdog().run),
            Part(name="store", closing=foundation.database.stop),
            Part(name="directory", running=foundation.directory.run),
            Part(name="clients", closing=self.clients.close),
        ]
        if roles & {"dispatch", "notify"}:
            services.append(self._ownership())
        if roles & {"accept", "dispatch", "notify"}:
            # Each counts what it owns itself, and who accepts must know when to refuse.
            services.append(Part(name=self.gauges.name, running=self.gauges.run))
        if settings.operations_port is not None:
            services.append(self._operations_server(settings.operations_port))
        key_use = KeyUseRecorder(foundation.database, self.authenticator)
        services += [self.server, Part(name="live-pages", closing=self.web.close_live_pages)]
        services.append(Part(name="key-use", running=key_use.run))
        if "receive" in roles:
            heartbeat, collector = self._heartbeat(), self.collector
            services += [
                Part(name=heartbeat.name, running=heartbeat.run),
                Part(name=collector.name, running=collector.run, closing=collector.stop),
            ]
        if "accept" in roles:
            services.append(Part(name=self.feeder.name, running=self.feeder.run))
        if "maintenance" in roles:
            services += maintenance_parts(
                foundation,
                lister=self.clients.provider,
                on_ended=self._lanes_ended,
                on_told=self.notifier.wake,
            )
        if "notify" in roles:
            services.append(Part(name=self.notifier.name, running=self.notifier.run))
        if "dispatch" in roles:
            services += [
                Part(name="media", closing=self.media_wait.stop),
                Part(name="in-doubt", running=self._doubt_watch().run),
                Part(name=self.dispatcher.name, running=self.dispatcher.run),
            ]
        return services

    def _ownership(self) -> Service:
        leases, database = self.leases, self.foundation.database
        if isinstance(leases, LeasedOwnership):
            return Part(name=leases.name, opening=leases.turn, running=leases.run, closing=leases.give_back)

        async def close() -> None:
            leases.stop()

        return Part(name="ownership", opening=lambda: leases.start(database), closing=close)

    def _operations_server(self, port: int) -> Service:
        foundation = self.foundation
        return HttpService(
            "operations",
            self.web.operations,
            host=foundation.settings.host,
            port=port,
            settings=foundation.settings,
            metrics=foundation.metrics,
        )

    def _heartbeat(self) -> IngressHeartbeat:
        foundation, settings = self.foundation, self.foundation.settings
        return IngressHeartbeat(
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            is_accepting=lambda: True,
            beat_seconds=settings.receive.heartbeat_seconds,
            gap_seconds=settings.dispatch.ingress_gap_seconds,
            on_told=self.notifier.wake,
        )
