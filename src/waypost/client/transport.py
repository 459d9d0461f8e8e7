"""
Carrying requests over the network with pyreqwest: once without blocking, once with.

Neither follows redirects (they would take the key elsewhere), nor reads proxies or cookies from anywhere. That no byte
left is proven only by the link `client error (Connect)` in the chain of causes (pyreqwest 0.15, hyper-util 0.1.21).
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TypeVar

from pyreqwest.client import Client as _AsyncHttp
from pyreqwest.client import ClientBuilder, SyncClient, SyncClientBuilder
from pyreqwest.exceptions import BuilderError, ClientClosedError, DetailedPyreqwestError, PyreqwestError
from pyreqwest.request import BaseRequestBuilder
from pyreqwest.response import BaseResponse

from waypost.client.calls import Answer, Request
from waypost.client.connection import ANSWER_BYTES_MAX, USER_AGENT, Connection
from waypost.client.errors import ConfigurationError, UnexpectedAnswerError
from waypost.client.retrying import Lost
from waypost.client.uploads import PIECE_BYTES

_CONNECT_PHASE: Final = "client error (Connect)"
_HEADERS_READ: Final = ("retry-after", "content-type", "content-length")
_Builder = TypeVar("_Builder", ClientBuilder, SyncClientBuilder)
_Prepared = TypeVar("_Prepared", bound=BaseRequestBuilder)


class Transport:
    """Makes one try of a request, and waits for its end. May be shared between threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http: SyncClient = _configured(SyncClientBuilder(), connection).build()
        self._is_closed = False

    def send(self, request: Request) -> Answer | Lost:
        """Make one try. Raises OSError for files of ours, UnexpectedAnswerError for an answer without end."""
        # pyreqwest notices a moment later.
        if self._is_closed:
            raise _closed_error()
        try:
            builder = _prepared(self._http.request(request.method, self._connection.url_of(request)), request)
            builder = _addressed(builder, request, self._connection)
            if request.upload is not None:
                builder = builder.body_stream(request.upload.pieces())
            with builder.build_streamed() as response:
                reader = response.body_reader
                if _goes_to_sink(response, request):
                    assert request.sink is not None
                    with _Sink(request.sink) as sink:
                        while (piece := reader.read(PIECE_BYTES)) is not None:
                            sink.write(bytes(piece))
                        sink.finish()
                    return _answer(response, b"")
                return _answer(response, _whole(reader.read(ANSWER_BYTES_MAX + 1), response))
        except (PyreqwestError, ValueError) as error:
            return _lost(error)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._is_closed = True
        with suppress(ClientClosedError):
            self._http.close()


class AsyncTransport:
    """As ``Transport``, without blocking. Belongs to one event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http: _AsyncHttp = _configured(ClientBuilder(), connection).build()
        self._is_closed = False

    async def send(self, request: Request) -> Answer | Lost:
        """See ``Transport.send``. A cancelled try may still be carried out."""
        # pyreqwest notices a moment later.
        if self._is_closed:
            raise _closed_error()
        try:
            builder = _prepared(self._http.request(request.method, self._connection.url_of(request)), request)
            builder = _addressed(builder, request, self._connection)
            if request.upload is not None:
                builder = builder.body_stream(request.upload.pieces_async())
            async with builder.build_streamed() as response:
                reader = response.body_reader
                if _goes_to_sink(response, request):
                    assert request.sink is not None
                    sink = await asyncio.to_thread(_Sink, request.sink)
                    try:
                        while (piece := await reader.read(PIECE_BYTES)) is not None:
                            await asyncio.to_thread(sink.write, bytes(piece))
                        await asyncio.to_thread(sink.finish)
                    finally:
                        sink.close()
                    return _answer(response, b"")
                return _answer(response, _whole(await reader.read(ANSWER_BYTES_MAX + 1), response))
        except (PyreqwestError, ValueError) as error:
            return _lost(error)

    async def close(self) -> None:
        """See ``Transport.close``."""
        self._is_closed = True
        with suppress(ClientClosedError):
            await self._http.close()


class _Sink:
    """A file that has its name only once it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: BinaryIO = self._part.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)

    def finish(self) -> None:
        self._file.close()
        self._part.replace(self._path)

    def close(self) -> None:
        """Close, and remove what was not finished; after ``finish`` it does nothing."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def _configured(builder: _Builder, connection: Connection) -> _Builder:
    timeouts = connection.timeouts
    made = (
        builder.connect_timeout(timedelta(seconds=timeouts.connect_seconds))
        .follow_redirects(False)
        .referer(False)
        .error_for_status(False)
        .no_proxy()
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .pool_idle_timeout(timedelta(seconds=4))
        .user_agent(USER_AGENT)
    )
    return made if connection.ca_pem is None else made.add_root_certificate_pem(connection.ca_pem)


def _prepared(builder: _Prepared, request: Request) -> _Prepared:
    return builder if request.body is None else builder.body_bytes(request.body)


def _addressed(builder: _Prepared, request: Request, connection: Connection) -> _Prepared:
    for name, value in connection.headers_of(request).items():
        builder = builder.header(name, value, is_sensitive=name == "authorization")
    return builder.timeout(timedelta(seconds=connection.seconds_of(request)))


def _goes_to_sink(response: BaseResponse, request: Request) -> bool:
    return request.sink is not None and response.status == 200


def _whole(body: Any, response: BaseResponse) -> bytes:
    content = b"" if body is None else bytes(body)
    if len(content) > ANSWER_BYTES_MAX:
        raise UnexpectedAnswerError(f"The answer has more than {ANSWER_BYTES_MAX} bytes.", status=response.status)
    return content


def _answer(response: BaseResponse, body: bytes) -> Answer:
    headers: dict[str, str] = {}
    for name in _HEADERS_READ:
        # A value that is not ASCII cannot be read through pyreqwest; none that we look for has one.
        with suppress(ValueError):
            value = response.get_header(name)
            if value is not None:
                headers[name] = value
    return Answer(status=response.status, headers=headers, body=body)


def _closed_error() -> ConfigurationError:
    return ConfigurationError("The client is closed.", hint="Use it before closing it.")


def _lost(error: PyreqwestError | ValueError) -> Lost:
    if isinstance(error, ClientClosedError):
        raise _closed_error() from error
    if isinstance(error, BuilderError) or not isinstance(error, DetailedPyreqwestError):
        # Such as a header that cannot be sent: refused before anything left.
        raise ConfigurationError(
            "The request cannot be made.", hint="Check base_url, api_key and the key given."
        ) from error
    causes = [cause["message"] for cause in error.details.get("causes") or []]
    return Lost(has_started=_CONNECT_PHASE not in causes[1:2], detail=causes[-1] if causes else type(error).__name__)
