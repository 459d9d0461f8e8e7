"""
How the end of one call to the provider is read: accepted, certainly not accepted, or in doubt.

A message is sent again only if it was certainly not accepted, so every rule here errs towards doubt:

* an end before the request's first byte left: certainly not accepted;
* 2xx with a message id: accepted; 2xx without one: in doubt;
* an error object of the provider, with 4xx or 5xx: refused, by its code; with 5xx the refusal is soft: a status may
  still prove the contrary, so whoever tries again waits for one first;
* 429, whoever sent it: throttled;
* 401, 403, 404, 405 and 407 without an error object: a proxy, a firewall or a wrong URL stands in the way; nothing was
  accepted, and nothing will be until somebody looks: misconfigured. So is any 3xx, which is never followed with a
  bearer token;
* any other status without an error object (400, 408, 413, 499, 5xx, a proxy's page): the request may have been passed
  on before that answer was made: in doubt.
"""

from typing import Any, Final

import orjson

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind, ThrottleScope
from waypost.domain.retry import parse_retry_after
from waypost.outbound.http import HttpAnswer, OutboundError
from waypost.ports import Accepted
from waypost.providers.cloud_api.errors import NO_SUCH_OBJECT_SUBCODE, CodeMeaning, GraphError, clean_detail, read_error
from waypost.providers.cloud_api.limits import IDENTIFIER_CHARACTERS_MAX

_BARRED_STATUSES: Final = frozenset({401, 403, 404, 405, 407})
_INVALID_PARAMETER: Final = 100
_NO_SUCH_SOURCE: Final = CodeMeaning(kind=SendFailureKind.MISCONFIGURED, reason=FailureReason.PLATFORM_ERROR)


def read_send_end(answer: HttpAnswer, *, now_us: int) -> Accepted | SendFailure:
    """Return how a POST of a message ended; ``now_us`` is for a Retry-After that names a date."""
    status = answer.status
    if 200 <= status < 300:
        wamid = _wamid(answer.body)
        if wamid is not None:
            return Accepted(wamid, status)
        return _in_doubt(status, "the answer names no message id")
    return read_failure(answer, now_us=now_us)


def read_failure(answer: HttpAnswer, *, now_us: int) -> SendFailure:
    """Return what an answer other than 2xx means; the path of the call names the source's number."""
    status = answer.status
    if 300 <= status < 400:
        return SendFailure(
            kind=SendFailureKind.MISCONFIGURED,
            reason=FailureReason.PLATFORM_ERROR,
            detail=f"HTTP {status}: redirects are not followed; check the base URL",
            http_status=status,
        )
    error = _graph_error(answer.body)
    if error is not None:
        return _refused(answer, error, now_us=now_us)
    if status == 429:
        return SendFailure(
            kind=SendFailureKind.THROTTLED,
            reason=FailureReason.TECHNICAL_ERROR,
            detail="HTTP 429",
            http_status=status,
            scope=ThrottleScope.SOURCE,
            retry_after_seconds=parse_retry_after(answer.headers.get("retry-after"), now_us=now_us),
        )
    if status in _BARRED_STATUSES:
        return SendFailure(
            kind=SendFailureKind.MISCONFIGURED,
            reason=FailureReason.PLATFORM_ERROR,
            detail=f"HTTP {status} without the provider's error: check the base URL and what stands in between",
            http_status=status,
        )
    return _in_doubt(status, "the answer is not the provider's")


def read_broken_end(error: OutboundError) -> SendFailure:
    """Return what a call that got no answer means."""
    detail = clean_detail(str(error))
    if error.request_started:
        return SendFailure(kind=SendFailureKind.IN_DOUBT, reason=FailureReason.OUTCOME_UNKNOWN, detail=detail)
    return SendFailure(kind=SendFailureKind.TRANSIENT, reason=FailureReason.TECHNICAL_ERROR, detail=detail)


def read_object(body: bytes) -> dict[str, Any] | None:
    """Return an answer's JSON object, or None."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _refused(answer: HttpAnswer, error: GraphError, *, now_us: int) -> SendFailure:
    meaning = error.meaning
    if error.code == _INVALID_PARAMETER and error.subcode == NO_SUCH_OBJECT_SUBCODE:
        meaning = _NO_SUCH_SOURCE
    kind, scope = meaning.kind, meaning.scope
    if answer.status == 429 and kind is not SendFailureKind.THROTTLED:
        kind, scope = SendFailureKind.THROTTLED, ThrottleScope.SOURCE
    retry_after = parse_retry_after(answer.headers.get("retry-after"), now_us=now_us)
    is_platforms_fault = meaning.kind is SendFailureKind.REJECTED and meaning.reason is FailureReason.PLATFORM_ERROR
    if answer.status >= 500 and is_platforms_fault:
        # A code without a meaning of its own is the server's trouble then, not the message's.
        kind = SendFailureKind.TRANSIENT
    return SendFailure(
        kind=kind,
        reason=meaning.reason,
        detail=error.detail,
        provider_code=error.code,
        http_status=answer.status,
        scope=scope,
        retry_after_seconds=retry_after,
    )


def _in_doubt(status: int, detail: str) -> SendFailure:
    return SendFailure(
        kind=SendFailureKind.IN_DOUBT,
        reason=FailureReason.OUTCOME_UNKNOWN,
        detail=f"HTTP {status}: {detail}",
        http_status=status,
    )


def _graph_error(body: bytes) -> GraphError | None:
    found = read_object(body)
    return None if found is None else read_error(found.get("error"))


def _wamid(body: bytes) -> str | None:
    try:
        wamid = orjson.loads(body)["messages"][0]["id"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return None
    if type(wamid) is str and 0 < len(wamid) <= IDENTIFIER_CHARACTERS_MAX and wamid.isprintable():
        return wamid
    return None
