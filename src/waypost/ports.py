"""
The seams: what the gateway needs from outside, each with the contract every implementation keeps.

``Database`` is the class in ``store.engine`` over one of two connectors; one conformance suite runs on both.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import uuid_utils

from waypost.domain.errors import SendFailure
from waypost.domain.message import Content, MediaKind, RecipientType
from waypost.domain.template import TemplateShape
from waypost.domain.value import value


class Clock(Protocol):
    """
    Time. Rules get ``now`` as an argument; only this knows the real one.

    ``now_us`` is wall time, UTC microseconds, and may jump; ``monotonic`` is seconds and never runs back.
    ``policy_now_us`` is what windows and expiry are judged by: wall time that never runs back, so that a clock set back
    cannot open a window again; one set forward can only close windows early.
    """

    def now_us(self) -> int: ...
    def policy_now_us(self) -> int: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clocks. ``policy_floor_us``: what policy time had reached before this process began."""

    def __init__(self, *, policy_floor_us: int = 0) -> None:
        self._policy_us = policy_floor_us

    def policy_now_us(self) -> int:
        self._policy_us = max(self._policy_us, self.now_us())
        return self._policy_us

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class IdFactory(Protocol):
    """Ids: lower-case UUIDv7 text, strictly rising within a process; never used as a secret."""

    def new(self) -> str: ...


class UuidFactory:
    """UUIDv7 from the operating system's randomness."""

    def new(self) -> str:
        return str(uuid_utils.uuid7())


class BlobStore(Protocol):
    """
    Files by content, named by the hex SHA-256 of their bytes.

    ``put`` returns only when the bytes would survive a power cut, and storing the same bytes again changes nothing.
    A digest that is not stored raises ``FileNotFoundError``.
    """

    async def put(self, source: bytes | Path) -> str: ...
    async def read(self, digest: str) -> bytes: ...
    def stream(self, digest: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]: ...
    async def exists(self, digest: str) -> bool: ...
    async def delete(self, digest: str) -> None: ...


class ShardLeases(Protocol):
    """
    Who owns which shard of the sending numbers.

    ``may_start`` answers from memory, by the monotonic clock, and is False once the lease has less than its margin
    left. ``epoch`` rises with each new owner. Losing a shard never interrupts a request that has started.
    """

    def owned(self) -> frozenset[int]: ...
    def epoch(self, shard: int) -> int: ...
    def may_start(self, shard: int) -> bool: ...


@value
class ProviderSource:
    """The sending identity a provider needs; ``access_token`` is open here and must never be logged."""

    source_id: str
    provider: str
    phone_number_id: str
    access_token: str


@value
class OutboundRequest:
    """
    One message as handed to a provider.

    ``token`` is echoed by every status of this attempt. ``media_ids`` maps our media keys to the provider's ids.
    ``context_provider_id`` and ids inside the content are the provider's already. ``template_shape`` is what a template
    message must be made of, None while nobody knows.
    """

    recipient: str
    recipient_type: RecipientType
    content: Content
    token: str
    context_provider_id: str | None = None
    provider_media_id: str | None = None
    media_kind: MediaKind | None = None
    filename: str | None = None
    template_shape: TemplateShape | None = None


class Accepted(NamedTuple):
    """Upstream took the message; ``wamid`` is its id there."""

    wamid: str
    http_status: int


class Provider(Protocol):
    """
    Who carries messages.

    ``send`` never raises for what a network or an upstream can do: it returns what is known of the end. It starts at
    most one request, and follows no redirect. Media calls raise ``ProviderMediaError``.
    """

    async def send(self, source: ProviderSource, request: OutboundRequest) -> Accepted | SendFailure: ...
    async def upload_media(self, source: ProviderSource, *, data: bytes, mime_type: str, filename: str) -> str: ...
    async def download_media(self, source: ProviderSource, *, media_id: str, bytes_max: int) -> "DownloadedMedia": ...


@value
class ProviderTemplate:
    """
    A template in one language as the provider lists it; the words are the provider's, in upper case.

    ``quality`` and ``rejected_reason`` are ``""`` where it gives none.
    """

    id: str
    name: str
    language: str
    category: str
    status: str
    quality: str
    rejected_reason: str
    components: tuple[dict[str, Any], ...]


class TemplateLister(Protocol):
    """Who knows a business account's templates; a failed page means that nothing is known."""

    async def list_templates(
        self, source: ProviderSource, *, waba_id: str
    ) -> tuple[ProviderTemplate, ...] | SendFailure: ...


@value
class DownloadedMedia:
    """A file fetched from the provider."""

    data: bytes
    mime_type: str


class ProviderMediaError(Exception):
    """A media call failed; ``failure`` says how, by the same kinds as a send."""

    def __init__(self, failure: SendFailure) -> None:
        super().__init__(failure.detail)
        self.failure = failure
