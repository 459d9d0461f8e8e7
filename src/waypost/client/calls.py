"""
Calls as values: the request to make, and how to read its answer.

Both clients run the same calls; only carrying them over the network differs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from waypost.client.errors import (
    AuthenticationError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    TooLargeError,
    UnavailableError,
    UnexpectedAnswerError,
)
from waypost.client.uploads import Upload

Json = dict[str, Any]
"""A JSON object as it came."""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
JSON_TYPE: Final = "application/json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``body`` or ``upload`` or neither; the body of a good answer goes to the file ``sink``, if any."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    upload: Upload | None = None
    sink: Path | None = None

    @property
    def is_transfer(self) -> bool:
        """Whether a file goes either way, which may take longer."""
        return self.upload is not None or self.path.startswith("/api/v2/media/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A whole answer. ``headers`` are those that matter, in lower case.

    ``may_repeat``: an earlier try of the same call may have been carried out, and its answer was lost.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    may_repeat: bool = False

    @property
    def retry_after(self) -> str | None:
        """The header ``Retry-After`` as it came."""
        return self.headers.get("retry-after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """
    A request and how to read its answer.

    ``is_repeatable``: a second request does nothing that the first has not done, so a lost answer may be asked for
    again. ``idempotency_key`` is the one the request carries, if any.
    """

    request: Request
    parse: Callable[[Answer], T]
    is_repeatable: bool
    idempotency_key: str | None = None


class Runner(Protocol):
    """Runs calls and waits for them; ``run`` raises what ``errors`` lists."""

    def run(self, call: Call[T]) -> T:
        """Carry a call over the network, again where that is safe, and return what its answer says."""
        ...


class AsyncRunner(Protocol):
    """As ``Runner``, without blocking."""

    async def run(self, call: Call[T]) -> T:
        """See ``Runner.run``."""
        ...


def json_request(method: str, path: str, content: object, *, headers: Mapping[str, str] = NOTHING) -> Request:
    """Return a request with a JSON body; the same content gives the same bytes."""
    return Request(method=method, path=path, headers={"content-type": JSON_TYPE, **headers}, body=orjson.dumps(content))


def envelope_of(answer: Answer) -> Json:
    """
    Return the envelope of a success.

    Raises what the answer says instead: a refusal in its envelope, whatever the HTTP status (servers may answer 4xx),
    or the error of the HTTP status.
    """
    content = _object_in(answer.body)
    if content is not None and content.get("status") == "failure":
        raise _refusal(content)
    raise_for_status(answer)
    if content is None or content.get("status") != "success":
        raise UnexpectedAnswerError("The answer is not an envelope.", status=answer.status)
    return content


def done(answer: Answer) -> None:
    """Return for a success without content; raises as ``envelope_of``."""
    envelope_of(answer)


def done_or_gone(answer: Answer) -> None:
    """Return for a deletion, also one that an earlier try of this call, whose answer was lost, has carried out."""
    try:
        envelope_of(answer)
    except NotFoundError:
        if not answer.may_repeat:
            raise


def data_of(answer: Answer) -> Any:
    """Return the member ``data`` of a success; raises as ``envelope_of``."""
    envelope = envelope_of(answer)
    if "data" not in envelope:
        raise UnexpectedAnswerError("The answer has no data.", status=answer.status)
    return envelope["data"]


def object_of(answer: Answer) -> Json:
    """Return ``data`` that is an object; raises as ``envelope_of``."""
    data = data_of(answer)
    if not isinstance(data, dict):
        raise UnexpectedAnswerError("The answer's data is not an object.", status=answer.status)
    return data


def objects_of(answer: Answer) -> list[Json]:
    """Return ``data`` that is a list of objects; raises as ``envelope_of``."""
    data = data_of(answer)
    if not isinstance(data, list):
        raise UnexpectedAnswerError("The answer's data is not a list.", status=answer.status)
    return [one for one in data if isinstance(one, dict)]


def raise_for_status(answer: Answer) -> None:
    """Raise the error of an HTTP status that is none of success; of the body nothing is told but an envelope."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in {401, 403}:
        raise AuthenticationError
    if status in {404, 410}:
        raise NotFoundError
    if status == 413:
        raise TooLargeError
    if status == 429:
        raise RateLimitedError(retry_after_seconds=seconds_of(answer.retry_after))
    if status in {502, 503, 504}:
        raise UnavailableError(
            f"The server is overloaded or out of reach (HTTP {status}).",
            hint="Try again later.",
            retry_after_seconds=seconds_of(answer.retry_after),
        )
    raise UnexpectedAnswerError(f"The server answered HTTP {status}.", status=status)


def seconds_of(retry_after: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` in its numeric form; the form with a date is not used by this API."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdecimal()):
        return None
    return float(retry_after[:9])


def text_at(members: Mapping[str, Any], name: str) -> str:
    """Return a member as text, ``""`` where it is absent or null: some servers send numbers for ids."""
    found = members.get(name)
    return "" if found is None else found if isinstance(found, str) else str(found)


def _object_in(body: bytes) -> Json | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _refusal(envelope: Json) -> RefusedError:
    error = envelope.get("error")
    members = error if isinstance(error, dict) else {}
    index = members.get("index")
    return RefusedError(
        code=text_at(members, "code"),
        message=text_at(members, "message").strip() or "no reason given",
        index=index if type(index) is int else None,
    )
