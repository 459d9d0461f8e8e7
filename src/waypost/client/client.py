"""
The two clients: ``Client`` blocks, ``AsyncClient`` does not. They have the same methods.

They speak the v2 API, to Waypost or to the hosted original of that API. Nothing is logged, and no key or number is
shown by ``repr`` or stands in an error.
"""

import asyncio
import time
from types import TracebackType
from typing import Final, Literal, Self

from waypost.client import sending
from waypost.client.calls import Call, done, json_request
from waypost.client.connection import Connection, Timeouts, find_connection
from waypost.client.consent import AsyncConsents, Consents
from waypost.client.media import AsyncMedia, Media
from waypost.client.messages import Message
from waypost.client.reports import AsyncReports, Reports
from waypost.client.retrying import Retries
from waypost.client.sending import MessageReport, Sent, WaitedFor, Waiting
from waypost.client.sessions import AsyncSession, Session
from waypost.client.sources import AsyncSources, Sources
from waypost.client.templates import AsyncTemplates, Templates

WebhookKind = Literal["incoming", "event"]
_SWITCH_PATH: Final = "/api/v2/metainfo/webhook/manage_webhook"
_READ_PATH: Final = "/api/v2/message/read"


class Client:
    """
    A client of the v2 API that blocks. May be shared between threads; use it as a context manager, or ``close`` it.

    Every call raises: AuthenticationError, RateLimitedError, UnavailableError with its kind OutcomeUnknownError,
    TooLargeError, UnexpectedAnswerError, and ConfigurationError once the client is closed.

    Args:
        base_url: such as ``https://gateway.example``; default ``WAYPOST_URL``, then ``WAYPOST_BASE_URL``.
        api_key: default ``WAYPOST_API_KEY``.
        source: the source of messages that name none.
        makes_keys: give each ``send`` an idempotency key, so that its own retries never send twice. Default: yes,
            except at the addresses of the hosted original, which has no such keys; there, and with False, a send whose
            answer was lost is not made again.
        retries: how often and how long a call may be made again.
        timeouts: of one try.
        ca_pem: further trusted root certificates, PEM.

    Raises: ConfigurationError.

    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        source: str | None = None,
        makes_keys: bool | None = None,
        retries: Retries | None = None,
        timeouts: Timeouts | None = None,
        ca_pem: bytes | None = None,
    ) -> None:
        self._connection = find_connection(
            base_url,
            api_key,
            source=source,
            makes_keys=makes_keys,
            retries=retries,
            timeouts=timeouts,
            ca_pem=ca_pem,
        )
        self._session = Session(self._connection)
        self.media = Media(self._session)
        self.consent = Consents(self._session)
        self.sources = Sources(self._session)
        self.templates = Templates(self._session)
        self.reports = Reports(self._session)

    def __repr__(self) -> str:
        return f"Client({self._connection.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._session.close()

    def send(self, *messages: Message, has_priority: bool = False, idempotency_key: str | None = None) -> Sent:
        """
        Send 1 to 1000 messages in one request: all are accepted, or none.

        Args:
            messages: any types mixed.
            has_priority: before other messages of the same source.
            idempotency_key: your own, up to 255 characters: the same messages with the same key are sent once within
                72 hours, whoever asks. Default: a new one, see ``makes_keys``.

        Raises: RefusedError with the ``index`` of the message at fault; OutcomeUnknownError if the answer was lost in
            every try: send the same messages with its ``idempotency_key``; ValueError for another count of messages.

        """
        return self._session.run(
            sending.send(self._connection, messages, has_priority=has_priority, idempotency_key=idempotency_key)
        )

    def look_up(self, message_id: str) -> MessageReport:
        """Return where a message stands (additive). Raises NotFoundError for an unknown id."""
        return self._session.run(sending.look_up(message_id))

    def wait_for(
        self, message_id: str, status: WaitedFor = "delivered", *, timeout_seconds: float = 60.0
    ) -> MessageReport:
        """
        Look a message up until it came as far as ``status`` or further, and return its report (additive).

        For scripts and tests; applications learn by webhooks. Raises MessageFailedError if it fails, WaitTimeoutError,
        NotFoundError.
        """
        waiting, began = Waiting(status, timeout_seconds=timeout_seconds), time.monotonic()
        while True:
            report = self.look_up(message_id)
            wait = waiting.next_look(report, elapsed_seconds=time.monotonic() - began)
            if wait is None:
                return report
            time.sleep(wait)

    def mark_read(self, message_id: str, *, shows_typing: bool = False) -> None:
        """
        Show somebody that their message was read (additive), and if asked, that an answer is being typed.

        ``message_id`` is that of an incoming event; again does no harm. Raises NotFoundError, RefusedError.
        """
        self._session.run(_mark_read(message_id, shows_typing=shows_typing))

    def switch_webhook(self, name: str, kind: WebhookKind, *, is_enabled: bool) -> None:
        """Let a webhook be told of things, or not. Raises RefusedError if there is none of this name and kind."""
        self._session.run(_switch(name, kind, is_enabled=is_enabled))


class AsyncClient:
    """
    A client of the v2 API that does not block. Belongs to one event loop; use it with ``async with``, or ``close`` it.

    See ``Client`` for its arguments and what calls raise.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        source: str | None = None,
        makes_keys: bool | None = None,
        retries: Retries | None = None,
        timeouts: Timeouts | None = None,
        ca_pem: bytes | None = None,
    ) -> None:
        self._connection: Connection = find_connection(
            base_url,
            api_key,
            source=source,
            makes_keys=makes_keys,
            retries=retries,
            timeouts=timeouts,
            ca_pem=ca_pem,
        )
        self._session = AsyncSession(self._connection)
        self.media = AsyncMedia(self._session)
        self.consent = AsyncConsents(self._session)
        self.sources = AsyncSources(self._session)
        self.templates = AsyncTemplates(self._session)
        self.reports = AsyncReports(self._session)

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """See ``Client.close``."""
        await self._session.close()

    async def send(self, *messages: Message, has_priority: bool = False, idempotency_key: str | None = None) -> Sent:
        """See ``Client.send``."""
        return await self._session.run(
            sending.send(self._connection, messages, has_priority=has_priority, idempotency_key=idempotency_key)
        )

    async def look_up(self, message_id: str) -> MessageReport:
        """See ``Client.look_up``."""
        return await self._session.run(sending.look_up(message_id))

    async def wait_for(
        self, message_id: str, status: WaitedFor = "delivered", *, timeout_seconds: float = 60.0
    ) -> MessageReport:
        """See ``Client.wait_for``."""
        waiting, began = Waiting(status, timeout_seconds=timeout_seconds), time.monotonic()
        while True:
            report = await self.look_up(message_id)
            wait = waiting.next_look(report, elapsed_seconds=time.monotonic() - began)
            if wait is None:
                return report
            await asyncio.sleep(wait)

    async def mark_read(self, message_id: str, *, shows_typing: bool = False) -> None:
        """See ``Client.mark_read``."""
        await self._session.run(_mark_read(message_id, shows_typing=shows_typing))

    async def switch_webhook(self, name: str, kind: WebhookKind, *, is_enabled: bool) -> None:
        """See ``Client.switch_webhook``."""
        await self._session.run(_switch(name, kind, is_enabled=is_enabled))


def _mark_read(message_id: str, *, shows_typing: bool) -> Call[None]:
    members = {"message_id": message_id, **({"typing": True} if shows_typing else {})}
    return Call(request=json_request("POST", _READ_PATH, members), parse=done, is_repeatable=True)


def _switch(name: str, kind: WebhookKind, *, is_enabled: bool) -> Call[None]:
    members = {"type": kind, "webhook_name": name, "status": "enable" if is_enabled else "disable"}
    return Call(
        request=json_request("POST", _SWITCH_PATH, members),
        parse=done,
        is_repeatable=True,
    )
