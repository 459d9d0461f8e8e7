"""The gateway's web application: which endpoints a process serves, by its roles."""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from waypost.accept.acceptor import Acceptor
from waypost.app.foundation import Foundation
from waypost.app.observers import SendMetrics
from waypost.app.tracked_links import open_links
from waypost.contract.replies import FailureReplies
from waypost.media.collector import Collector
from waypost.outbound.http import HttpClient
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.providers.cloud_api.events import read_updates
from waypost.receive.ingester import Ingester
from waypost.settings import Role
from waypost.store.claiming import LaneKey
from waypost.store.engine import StoreUnavailableError
from waypost.web.account_rates import AccountRates
from waypost.web.api_v2.consents import ConsentEndpoints
from waypost.web.api_v2.lookup import LookupEndpoint
from waypost.web.api_v2.media import MediaEndpoints
from waypost.web.api_v2.reading import ReadingEndpoint, ReadMarker
from waypost.web.api_v2.router import ApiV2, Operation, Operations
from waypost.web.api_v2.sending import Overload, SendDesk, SendEndpoint
from waypost.web.api_v2.sources import SourceEndpoints
from waypost.web.api_v2.webhooks import WebhookSwitchEndpoint
from waypost.web.auth import Authenticator
from waypost.web.console.live import LiveHub
from waypost.web.exchange import AsgiApp, Receive, Scope, Send
from waypost.web.gateway import GatewayApp
from waypost.web.manage.context import ManageContext, webhook_policy
from waypost.web.manage.export_places import ExportPlaces
from waypost.web.metainfo import build_metainfo
from waypost.web.operations import Check, OperationsApp
from waypost.web.receiver import CloudApiReceiver
from waypost.web.reports.links import LinkApp
from waypost.web.reports.routes import build_reports

if TYPE_CHECKING:
    from waypost.web.console.context import Console


class WebParts:
    """
    ``app`` answers all paths of this process; ``operations`` is health and metrics alone, for a port of its own.

    ``is_ready`` is set once all services have started: until then ``/health/ready`` answers 503.
    """

    def __init__(
        self,
        foundation: Foundation,
        roles: frozenset[Role],
        *,
        authenticator: Authenticator,
        collector: Collector,
        calls: GraphCalls,
        upstream: HttpClient,
        read_marker: ReadMarker,
        overload: Overload,
        wake_dispatcher: Callable[..., None],
        wake_feeder: Callable[[], None],
        lanes_ended: Callable[[Collection[LaneKey]], None],
        wake_notifier: Callable[[], None],
    ) -> None:
        self.is_ready = False
        self._foundation = foundation
        self._authenticator = authenticator
        self._collector = collector
        self._calls = calls
        self._upstream = upstream
        self._read_marker = read_marker
        self._wake_dispatcher = wake_dispatcher
        self._wake_feeder = wake_feeder
        self._lanes_ended = lanes_ended
        self._wake_notifier = wake_notifier
        self.operations = OperationsApp(
            foundation.metrics,
            [
                Check("startup", self._check_startup),
                Check("database", self._check_database),
                Check("blobs", foundation.blobs.check),
            ],
        )
        self.live = LiveHub(
            lambda: foundation.database.commits,
            streams_max=foundation.settings.console.live_pages_max,
            streams_per_user_max=foundation.settings.console.live_pages_per_user_max,
            has_other_nodes=not foundation.is_embedded,
        )
        self._acceptor = Acceptor(
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            on_accepted=self._wake_dispatcher,
        )
        self._send_desk = SendDesk(self._acceptor, foundation.clock, SendMetrics(foundation.metrics), overload)
        limits = foundation.settings.limits
        self._exports = ExportPlaces(at_most=limits.exports_max, at_most_of_account=limits.account_exports_max)
        is_accepting = "accept" in roles
        self.app = GatewayApp(
            api=self._api() if is_accepting else None,
            receiver=self._receiver() if "receive" in roles else None,
            manage=_AtFirstCall(self._manage) if is_accepting else None,
            operations=self.operations if foundation.settings.operations_port is None else None,
            links=self._links() if is_accepting else None,
            console=_AtFirstCall(self._console) if is_accepting and foundation.settings.console.enabled else None,
        )

    async def close_live_pages(self) -> None:
        """End the streams of the console's pages, for which a stopping server would wait."""
        self.live.close()

    def _api(self) -> ApiV2:
        foundation, settings = self._foundation, self._foundation.settings
        replies = FailureReplies(
            failure_http_status=settings.contract.failure_http_status, leading_space=settings.contract.leading_space
        )
        send = SendEndpoint(self._send_desk, replies, body_bytes_max=settings.limits.message_body_bytes_max)
        return ApiV2(
            authenticator=self._authenticator,
            clock=foundation.clock,
            rates=AccountRates(requests_per_second=settings.limits.account_requests_per_second),
            send=send,
            operations=self._operations(replies),
            body_bytes_max=settings.limits.other_body_bytes_max,
        )

    def _links(self) -> LinkApp | None:
        foundation, links = self._foundation, open_links(self._foundation)
        if links is None:
            return None
        return LinkApp(
            links,
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            clicks_per_second_max=foundation.settings.links.clicks_per_second_max,
            on_told=self._wake_notifier,
        )

    def _operations(self, replies: FailureReplies) -> Operations:
        foundation, settings = self._foundation, self._foundation.settings
        lookup = LookupEndpoint(foundation.database)
        reading = ReadingEndpoint(
            database=foundation.database, directory=foundation.directory, marker=self._read_marker, replies=replies
        )
        consents = ConsentEndpoints(
            foundation.database,
            foundation.directory,
            foundation.clock,
            foundation.ids,
            replies,
            on_told=self._wake_notifier,
        )
        metainfo = build_metainfo(
            database=foundation.database,
            directory=foundation.directory,
            blobs=foundation.blobs,
            calls=self._calls,
            sealer=foundation.sealer,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            settings=settings,
            metrics=foundation.metrics,
            webhook_policy=webhook_policy(settings),
        )
        return {
            **metainfo,
            "/api/v2/message/read": {"POST": Operation("messages.mark_read", reading.handle)},
            **build_reports(foundation.database, replies, settings.reports),
            "/api/v2/message/{id}": {"GET": Operation("messages.look_up", lookup.handle)},
            "/api/v2/consent": {"POST": Operation("consent.check", consents.check)},
            "/api/v2/consent/manage": {"POST": Operation("consent.manage", consents.manage)},
            "/api/v2/consent/blocklist": {"POST": Operation("consent.blocklist", consents.blocklist)},
            **self._media(replies),
            "/api/v2/metainfo/webhook/manage_webhook": {
                "POST": Operation("webhooks.manage_webhook", self._webhook_switch(replies).switch)
            },
            **self._sources(replies),
        }

    def _media(self, replies: FailureReplies) -> Operations:
        foundation = self._foundation
        media = MediaEndpoints(
            database=foundation.database,
            blobs=foundation.blobs,
            collector=self._collector,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            settings=foundation.settings,
            metrics=foundation.metrics,
        )
        return {
            "/api/v2/media/upload": {"POST": Operation("media.upload", media.upload, takes_stream=True)},
            "/api/v2/media/{id}": {
                "GET": Operation("media.get", media.get),
                "DELETE": Operation("media.delete", media.delete),
            },
        }

    def _sources(self, replies: FailureReplies) -> Operations:
        foundation = self._foundation
        sources = SourceEndpoints(
            database=foundation.database,
            directory=foundation.directory,
            sealer=foundation.sealer,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            default_provider=foundation.settings.default_provider,
        )
        return {
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

    def _webhook_switch(self, replies: FailureReplies) -> WebhookSwitchEndpoint:
        foundation = self._foundation
        return WebhookSwitchEndpoint(
            database=foundation.database,
            directory=foundation.directory,
            sealer=foundation.sealer,
            clock=foundation.clock,
            ids=foundation.ids,
            replies=replies,
            on_enabled=self._wake_notifier,
        )

    def _receiver(self) -> CloudApiReceiver:
        foundation, settings = self._foundation, self._foundation.settings
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
        self._wake_notifier()
        self._collector.wake()

    def _manage(self) -> AsgiApp:
        # Imported late: FastAPI costs a good part of a second, and a gateway's start should not wait for it.
        from waypost.web.manage import build_manage_app  # noqa: PLC0415

        return build_manage_app(self._manage_context())

    def _console(self) -> AsgiApp:
        # Imported late, as the manage API is: templates and Argon2 are of no use before somebody comes to look.
        from waypost.web.console.app import build_console  # noqa: PLC0415

        return build_console(self.console_context())

    def console_context(self) -> "Console":
        """Return what the console is built from."""
        from waypost.web.console.context import Console  # noqa: PLC0415
        from waypost.web.console.rendering import shared_renderer  # noqa: PLC0415
        from waypost.web.passwords import PasswordChecks  # noqa: PLC0415

        foundation = self._foundation
        return Console(
            manage=self._manage_context(),
            acceptor=self._acceptor,
            send_desk=self._send_desk,
            blobs=foundation.blobs,
            collector=self._collector,
            metrics=foundation.metrics,
            token_key=foundation.token_key,
            passwords=PasswordChecks(),
            live=self.live,
            renderer=shared_renderer(),
            upstream=self._upstream,
        )

    def _manage_context(self) -> ManageContext:
        foundation = self._foundation
        return ManageContext(
            database=foundation.database,
            directory=foundation.directory,
            sealer=foundation.sealer,
            authenticator=self._authenticator,
            settings=foundation.settings,
            clock=foundation.clock,
            ids=foundation.ids,
            calls=self._calls,
            exports=self._exports,
            notify_now=self._wake_notifier,
            dispatch_now=self._wake_dispatcher,
            feed_now=self._wake_feeder,
            lanes_ended=self._lanes_ended,
        )

    async def _check_startup(self) -> str | None:
        return None if self.is_ready else "still starting"

    async def _check_database(self) -> str | None:
        try:
            await self._foundation.directory.refresh()
        except StoreUnavailableError as error:
            return str(error)
        return None


class _AtFirstCall:
    """An application that is built, on a thread of its own, when it is first called."""

    def __init__(self, build: Callable[[], AsgiApp]) -> None:
        self._build = build
        self._building: asyncio.Task[AsgiApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(self._build))
        app = await asyncio.shield(self._building)
        await app(scope, receive, send)
