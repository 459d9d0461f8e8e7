"""The HTTP server: uvicorn behind the connection guard, as a service of ours."""

import asyncio
import contextlib
import functools
import resource
import socket
from collections.abc import Iterator
from typing import Any, Final, cast

import uvicorn

from waypost.observe import Metrics, get_logger
from waypost.settings import Settings
from waypost.web.connection_guard import ConnectionGuard
from waypost.web.guarded_protocol import GuardedProtocol

# What the process needs besides connections of clients: database, blobs, connections upstream, webhooks, logs.
_OTHER_FILES: Final = 1024
_DRAIN_SHARE: Final = 0.5

_logger = get_logger("http")


class GuardedServer(uvicorn.Server):
    """uvicorn's server, which leaves signals to `run_services`, with the guard of its connections."""

    def __init__(self, config: uvicorn.Config, guard: ConnectionGuard) -> None:
        super().__init__(config)
        self.guard = guard

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.guard.start()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.guard.stop()


def make_server(
    app: Any,
    *,
    host: str,
    port: int,
    settings: Settings,
    metrics: Metrics | None = None,
) -> GuardedServer:
    """
    Build a server for an ASGI application; it listens from `startup` (or `serve`) on.

    No access log, no server banner, no WebSockets, no lifespan events: what the application needs is opened by
    services. `X-Forwarded-*` is believed from `trusted_proxies` only.
    """
    guard = ConnectionGuard(settings.http, trusted_proxies=settings.trusted_proxies, metrics=metrics)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=cast("type[asyncio.Protocol]", functools.partial(GuardedProtocol, guard=guard)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        backlog=settings.http.backlog,
        # Half of the budget: the services below this one need some of it, too.
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds * _DRAIN_SHARE)),
    )
    return GuardedServer(config, guard)


class HttpService:
    """
    Serves an ASGI application, as a `Service`: listening once started, draining when stopped.

    `port` is the one in use once started, also when 0 was asked for.
    """

    def __init__(
        self, name: str, app: Any, *, host: str, port: int, settings: Settings, metrics: Metrics | None = None
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self._server = make_server(app, host=host, port=port, settings=settings, metrics=metrics)
        self._connections_max = settings.http.connections_max
        self._sockets: list[socket.socket] = []
        self._is_shut = False

    async def start(self) -> None:
        """
        Bind and listen.

        Raises:
            OSError: the address is taken or not ours; the message names it.
        """
        allow_open_files(self._connections_max + _OTHER_FILES)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        backlog = self._server.config.backlog
        try:
            listener = socket.create_server((self.host, self.port), family=family, backlog=backlog)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {self.host} port {self.port}: {error.strerror}") from error
        listener.setblocking(False)
        self._sockets = [listener]
        self.port = listener.getsockname()[1]
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(self._sockets)
        _logger.info("http.listening", service=self.name, host=self.host, port=self.port)

    async def run(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._server.main_loop())
            await stopping.wait()
            self._server.should_exit = True
        await self._shut()

    async def stop(self) -> None:
        if self._server.started:
            await self._shut()
        for listener in self._sockets:
            listener.close()

    async def _shut(self) -> None:
        if self._is_shut:
            return
        self._is_shut = True
        await self._server.shutdown(self._sockets)


def allow_open_files(count: int) -> None:
    """Raise this process's soft limit of open files to `count`, or as near as the hard limit allows; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < count:
        _logger.warning("files.limit_low", allowed=wanted, wanted=count)
