"""
Calls to Graph that are no messages: one request each, its end told as an object or as why there is none.

They change what people manage (templates, registrations, subscriptions), so a repeat is the caller's decision: nothing
is tried again here. ``SendFailure`` is for messages; a person wants to know other things, above all which part of the
request upstream refuses.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from waypost.domain.errors import SendFailure, SendFailureKind
from waypost.domain.value import value
from waypost.outbound.http import HttpAnswer, HttpClient, OutboundError
from waypost.ports import Clock, ProviderSource
from waypost.providers.cloud_api.ends import read_broken_end, read_failure, read_object
from waypost.providers.cloud_api.errors import NO_SUCH_OBJECT_SUBCODE, clean_detail, read_error

ANSWER_BYTES_MAX: Final = 1024 * 1024
"""A template has at most 1024 characters of body and ten buttons or cards; a page of them may have a megabyte."""

_INVALID_PARAMETER: Final = 100
_ABSENT_SUBCODES: Final = frozenset({NO_SUCH_OBJECT_SUBCODE, 2593002})
"""The object in the path, and the template that a deletion names (observed, 2025), are not there."""
_NAMED: Final = re.compile(r"(?i)\bparam(?:eter)? ['\"]?([a-z_]+)")

_NAME: Final = "name"
_COMPONENTS: Final = "components"
_MEMBER_OF_SUBCODE: Final[Mapping[int, str]] = {
    # The name has this language already, or had it and was deleted within 30 days.
    2388023: _NAME,
    2388024: _NAME,
    # Length, header, body, footer, number of variables, a variable at the edge, a missing example.
    **dict.fromkeys((2388039, 2388040, 2388043, 2388047, 2388072, 2388073, 2388293, 2388299), _COMPONENTS),
}
"""Which part of a template a code is about (error codes page, Sep 2026, and the template guides it links)."""


class CallFailureKind(StrEnum):
    """Why a call did not do what was asked; the words are told to callers."""

    REFUSED = "refused"
    """Upstream understood, and will not; ``member`` names the part it is about, where it says so."""
    NOT_FOUND = "not_found"
    """There is no such object, or the token may not see it: Graph does not tell them apart."""
    CREDENTIALS = "credentials"
    """The token, its rights, or the account's set-up stand in the way."""
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    """No answer, or the answer of a server in trouble: what was asked may have been done all the same."""


@value
class CallFailure:
    """
    The end of a call that did not yield what was asked for.

    ``detail`` is upstream's reason, fit to be shown: bounded, printable, long digits masked. ``member`` is the member
    of the request that upstream names, None where it names none.
    """

    kind: CallFailureKind
    detail: str
    member: str | None = None
    provider_code: int | None = None


Found = dict[str, Any]


class GraphCalls:
    """
    One request a call, over an ``HttpClient`` that keeps its own timeouts and connections.

    Args:
        http: see ``HttpClient``.
        base_urls: by the provider's name (``meta``, ``sandbox``), version included, without a slash at the end.
        clock: for a Retry-After that names a date.
    """

    def __init__(self, http: HttpClient, *, base_urls: Mapping[str, str], clock: Clock) -> None:
        self._http = http
        self._base_urls = {name: url.rstrip("/") for name, url in base_urls.items()}
        self._clock = clock

    async def call(
        self,
        source: ProviderSource,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Found | CallFailure:
        """Return the answer's object; ``path`` has been quoted by the caller, and begins without a slash."""
        headers = {"authorization": f"Bearer {source.access_token}"}
        if body is not None:
            headers["content-type"] = "application/json"
        return await self._call(
            source,
            method,
            f"{path}?{urlencode(query)}" if query else path,
            headers=headers,
            body=None if body is None else orjson.dumps(body),
        )

    async def upload(self, source: ProviderSource, path: str, *, data: bytes) -> Found | CallFailure:
        """Return the answer to an upload session's bytes, all of them at once from its beginning."""
        # The one place where Graph wants another word than Bearer (resumable upload guide, 2026).
        headers = {
            "authorization": f"OAuth {source.access_token}",
            "file_offset": "0",
            "content-type": "application/octet-stream",
        }
        return await self._call(source, "POST", path, headers=headers, body=data)

    async def _call(
        self, source: ProviderSource, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Found | CallFailure:
        try:
            answer = await self._http.request(
                method,
                f"{self._base_urls[source.provider]}/{path}",
                headers=headers,
                body=body,
                body_bytes_max=ANSWER_BYTES_MAX,
            )
        except OutboundError as error:
            return _failure(read_broken_end(error))
        if 200 <= answer.status < 300:
            found = read_object(answer.body)
            if found is not None:
                return found
        return self._read_refusal(answer)

    def _read_refusal(self, answer: HttpAnswer) -> CallFailure:
        failure = read_failure(answer, now_us=self._clock.now_us())
        told = (read_object(answer.body) or {}).get("error")
        error = read_error(told)
        if error is None or not isinstance(told, dict):
            return _failure(failure)
        # Meta's own words for people, where there are any; the plain message often says only "Invalid parameter".
        words = [told.get("error_user_title"), told.get("error_user_msg")]
        detail = clean_detail(": ".join([word for word in words if isinstance(word, str) and word])) or error.detail
        kind = _failure(failure).kind
        if error.code == _INVALID_PARAMETER and error.subcode in _ABSENT_SUBCODES:
            kind = CallFailureKind.NOT_FOUND
        return CallFailure(
            kind=kind,
            detail=detail,
            member=_member(error.subcode, error.detail) if kind is CallFailureKind.REFUSED else None,
            provider_code=error.code,
        )


def quoted(identifier: str) -> str:
    """Return an identifier as one part of a path."""
    return quote(identifier, safe="")


_KINDS: Final[Mapping[SendFailureKind, CallFailureKind]] = {
    SendFailureKind.REJECTED: CallFailureKind.REFUSED,
    SendFailureKind.MISCONFIGURED: CallFailureKind.CREDENTIALS,
    SendFailureKind.THROTTLED: CallFailureKind.THROTTLED,
    SendFailureKind.TRANSIENT: CallFailureKind.UNREACHABLE,
    SendFailureKind.IN_DOUBT: CallFailureKind.UNREACHABLE,
}


def _failure(failure: SendFailure) -> CallFailure:
    return CallFailure(kind=_KINDS[failure.kind], detail=failure.detail, provider_code=failure.provider_code)


def _member(subcode: int | None, detail: str) -> str | None:
    """Return the member a refusal is about: by its subcode, or by the parameter its text names."""
    if subcode is not None and subcode in _MEMBER_OF_SUBCODE:
        return _MEMBER_OF_SUBCODE[subcode]
    named = _NAMED.search(detail)
    return None if named is None else named[1].lower()
