"""
The gateway's services, wired by role and in the order of starting; they stop in reverse.

Opening order is what each part rests on: store, directory, ownership, clients, web, then the verbs that start requests
of their own. So at a stop the dispatcher drains while the provider's webhooks are still taken.
"""

from waypost.accept.acceptor import Acceptor
from waypost.app.clients import Clients, open_clients
from waypost.app.foundation import Foundation
from waypost.app.media_supply import MediaSupply
from waypost.app.observers import DispatchMetrics, SendMetrics
from waypost.app.parts import Part
from waypost.contract.replies import FailureReplies
from waypost.dispatch.dispatcher import Dispatcher, DispatchLimits
from waypost.dispatch.in_doubt import DoubtWatch, SweepSettings
from waypost.dispatch.media_wait import MediaWait
from waypost.domain.doubt import DoubtLimits
from waypost.domain.throttle import Pace
from waypost.maintenance.expiry import Expirer
from waypost.maintenance.gauges import Gauges
from waypost.maintenance.leases import ExclusiveOwnership, LeasedOwnership
from waypost.maintenance.policy_clock import PolicyClockKeeper
from waypost.maintenance.retention import Retention
from waypost.media.collector import Collector
from waypost.media.supplier import Supplier
from waypost.notify.notifier import Notifier
from waypost.providers.cloud_api.events import read_updates
from waypost.receive.heartbeat import IngressHeartbeat
from waypost.receive.ingester import Ingester
from waypost.service import Service
from waypost.settings import Role
from waypost.store.directory import shard_of
from waypost.store.engine import StoreUnavailableError
from waypost.web.account_rates import AccountRates
from waypost.web.api_v2.consents import ConsentEndpoints
from waypost.web.api_v2.lookup import LookupEndpoint
from waypost.web.api_v2.media import MediaEndpoints
from waypost.web.api_v2.router import ApiV2, Operation, Operations
from waypost.web.api_v2.sending import SendEndpoint
from waypost.web.api_v2.sources import SourceEndpoints
from waypost.web.auth import Authenticator
from waypost.web.exchange import AsgiApp
from waypost.web.gateway import GatewayApp
from waypost.web.key_use import KeyUseRecorder
from waypost.web.manage.app import build_manage_app
from waypost.web.manage.context import ManageContext
from waypost.web.operations import Check, OperationsApp
from waypost.web.receiver import CloudApiReceiver
from waypost.web.server import HttpService

LOCK_FILE = "waypost.lock"


class Gateway:
    """The parts of one process; ``services`` is what ``run_services`` runs."""

    def __init__(self, foundation: Foundation, roles: frozenset[Role]) -> None:
        self.foundation = foundation
        self.roles = roles
        self.is_ready = False
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
        self.server = HttpService(
            "web",
            self._web_app(),
            host=foundation.settings.host,
            port=foundation.settings.port,
            settings=foundation.settings,
            metrics=foundation.metrics,
        )
        self.services = self._services()

    def _wake_dispatcher(self) -> None:
        self.dispatcher.wake()

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
            provider=self.clients.provider,
            leases=self.leases,
            media=self.media_wait,
            clock=foundation.clock,
            ids=foundation.ids,
            node=foundation.node,
            token_key=foundation.token_key,
            limits=DispatchLimits(
                in_flight_max=limits.in_flight_max,
                batch_max=limits.batch_max,
                poll_seconds=limits.poll_seconds,
                number_pace=Pace(limits.number_rate_per_second, limits.number_burst),
                pair_pace=Pace(1.0 / max(limits.pair_interval_seconds, 1e-6), limits.pair_burst),
                attempts_max=limits.attempts_max,
                soft_refusal_wait_seconds=limits.soft_refusal_wait_seconds,
            ),
            observer=DispatchMetrics(foundation.metrics),
            on_told=self.notifier.wake,
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

    def _web_app(self) -> GatewayApp:
        foundation, settings = self.foundation, self.foundation.settings
        self.operations = OperationsApp(
            foundation.metrics,
            [
                Check("startup", self._check_startup),
                Check("database", self._check_database),
                Check("blobs", foundation.blobs.check),
            ],
        )
        is_accepting = "accept" in self.roles
        return GatewayApp(
            api=self._api() if is_accepting else None,
            receiver=self._receiver() if "receive" in self.roles else None,
            manage=self._manage() if is_accepting else None,
            operations=self.operations if settings.operations_port is None else None,
        )

    def _api(self) -> ApiV2:
        foundation, settings = self.foundation, self.foundation.settings
        replies = FailureReplies(
            failure_http_status=settings.contract.failure_http_status, leading_space=settings.contract.leading_space
        )
        acceptor = Acceptor(
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            on_accepted=self.dispatcher.wake,
        )
        send = SendEndpoint(
            acceptor,
            replies,
            foundation.clock,
            SendMetrics(foundation.metrics),
            self.gauges,
            body_bytes_max=settings.limits.message_body_bytes_max,
        )
        return ApiV2(
            authenticator=self.authenticator,
            clock=foundation.clock,
            rates=AccountRates(requests_per_second=settings.limits.account_requests_per_second),
            send=send,
            operations=self._operations(replies),
        )

    def _operations(self, replies: FailureReplies) -> Operations:
        foundation, settings = self.foundation, self.foundation.settings
        lookup = LookupEndpoint(foundation.database)
        consents = ConsentEndpoints(foundation.database, foundation.clock, foundation.ids, replies)
        sources = SourceEndpoints(
            database=foundation.database,
            directory=foundation.directory,
            sealer=foundation.sealer,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            default_provider=settings.default_provider,
        )
        media = MediaEndpoints(
            database=foundation.database,
            blobs=foundation.blobs,
            collector=self.collector,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            settings=settings,
            metrics=foundation.metrics,
        )
        return {
            "/api/v2/message/{id}": {"GET": Operation("messages.look_up", lookup.handle)},
            "/api/v2/consent": {"POST": Operation("consent.check", consents.check)},
            "/api/v2/consent/manage": {"POST": Operation("consent.manage", consents.manage)},
            "/api/v2/consent/blocklist": {"POST": Operation("consent.blocklist", consents.blocklist)},
            "/api/v2/media/upload": {"POST": Operation("media.upload", media.upload)},
            "/api/v2/media/{id}": {
                "GET": Operation("media.get", media.get),
                "DELETE": Operation("media.delete", media.delete),
            },
            "/api/v2/source": {
                "GET": Operation("sources.list", sources.list),
                "POST": Operation("sources.create", sources.create),
            },
            "/api/v2/source/{id}": {
                "GET": Operation("sources.get", sources.get),
                "PUT": Operation("sources.change", sources.change),
                "DELETE": Operation("sources.delete", sources.delete),
            },
        }

    def _receiver(self) -> CloudApiReceiver:
        foundation, settings = self.foundation, self.foundation.settings
        ingester = Ingester(
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            parse=read_updates,
            token_key=foundation.token_key,
            metrics=foundation.metrics,
            on_told=self._told_from_upstream,
        )
        return CloudApiReceiver(
            ingester,
            foundation.directory,
            foundation.clock,
            metrics=foundation.metrics,
            app_secrets=() if settings.app_secret is None else (settings.app_secret.get_secret_value(),),
            app_verify_token=None
            if settings.app_verify_token is None
            else settings.app_verify_token.get_secret_value(),
            body_bytes_max=settings.limits.webhook_body_bytes_max,
        )

    def _told_from_upstream(self) -> None:
        self.notifier.wake()
        self.collector.wake()

    def _manage(self) -> AsgiApp:
        foundation = self.foundation
        return build_manage_app(
            ManageContext(
                database=foundation.database,
                directory=foundation.directory,
                sealer=foundation.sealer,
                authenticator=self.authenticator,
                settings=foundation.settings,
                clock=foundation.clock,
                ids=foundation.ids,
                notify_now=self.notifier.wake,
                dispatch_now=self._wake_dispatcher,
            )
        )

    async def _check_startup(self) -> str | None:
        return None if self.is_ready else "still starting"

    async def _check_database(self) -> str | None:
        try:
            await self.foundation.directory.refresh()
        except StoreUnavailableError as error:
            return str(error)
        return None

    def _services(self) -> list[Service]:
        foundation, settings, roles = self.foundation, self.foundation.settings, self.roles
        services: list[Service] = [
            Part(name="store", closing=foundation.database.stop),
            Part(name="directory", running=foundation.directory.run),
            Part(name="clients", closing=self.clients.close),
        ]
        if roles & {"dispatch", "notify"}:
            services.append(self._ownership())
        if settings.operations_port is not None:
            services.append(self._operations_server(settings.operations_port))
        services += [self.server, KeyUseRecorder(foundation.database, self.authenticator)]
        if "receive" in roles:
            services += [self._heartbeat(), self.collector]
        if "maintenance" in roles:
            services += self._maintenance()
        if "notify" in roles:
            services.append(self.notifier)
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
            self.operations,
            host=foundation.settings.host,
            port=port,
            settings=foundation.settings,
            metrics=foundation.metrics,
        )

    def _heartbeat(self) -> Service:
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

    def _maintenance(self) -> list[Service]:
        foundation, settings = self.foundation, self.foundation.settings
        expiry = Expirer(
            database=foundation.database,
            directory=foundation.directory,
            clock=foundation.clock,
            ids=foundation.ids,
            doubt_seconds_max=settings.dispatch.doubt_seconds_max,
            on_told=self.notifier.wake,
        )
        retention = Retention(
            database=foundation.database,
            blobs=foundation.blobs,
            clock=foundation.clock,
            ids=foundation.ids,
            settings=settings.retention,
            parked_hours=settings.receive.parked_hours,
        )
        clock = PolicyClockKeeper(database=foundation.database, clock=foundation.clock)
        return [Part(name=loop.name, running=loop.run) for loop in (expiry, retention, self.gauges, clock)]
