"""
Files given to the provider and fetched from it.

An upload is one multipart request, made by hand so that a file of 100 MB is sent in pieces and never copied whole. A
download takes two steps, a look-up that answers a URL and the URL itself, which wants the same bearer token: it is
shown to the API's own origin and to the provider's media hosts, and to nobody else.
"""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind
from waypost.outbound.http import EndKind, HttpAnswer, HttpClient, OutboundError, Timeouts
from waypost.ports import DownloadedMedia, ProviderMediaError
from waypost.providers.cloud_api.ends import read_broken_end, read_failure, read_object
from waypost.providers.cloud_api.limits import ANSWER_BYTES_MAX, IDENTIFIER_CHARACTERS_MAX, MEDIA_HOSTS

_CHUNK_BYTES: Final = 256 * 1024
_TRANSFER_TIMEOUTS: Final = Timeouts(total_seconds=180.0)
_HEADER_BREAKERS: Final = re.compile(r'[\x00-\x1f\x7f"]')


async def upload(
    http: HttpClient, *, base_url: str, phone_number_id: str, access_token: str, data: bytes, mime_type: str,
    filename: str, now_us: int,
) -> str:  # fmt: skip
    """
    Give a file to the provider for one number; return its id there, which lives 30 days.

    A second call with the same bytes makes a second file. Raises ``ProviderMediaError``; a lost answer is
    ``TRANSIENT``, since a file uploaded twice does no harm.
    """
    boundary = secrets.token_hex(16)
    head = _form_head(boundary, mime_type=mime_type, filename=filename)
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "authorization": f"Bearer {access_token}",
        "content-type": f"multipart/form-data; boundary={boundary}",
        "content-length": str(len(head) + len(data) + len(tail)),
    }
    url = f"{base_url}/{quote(phone_number_id, safe='')}/media"
    try:
        answer = await http.request(
            "POST", url, headers=headers, body=_pieces(head, data, tail), timeouts=_TRANSFER_TIMEOUTS,
            body_bytes_max=ANSWER_BYTES_MAX,
        )  # fmt: skip
    except OutboundError as error:
        raise ProviderMediaError(_harmless(read_broken_end(error))) from error
    media_id = _read_id(_succeeded(answer, now_us=now_us))
    if media_id is None:
        raise ProviderMediaError(_transient("the upload's answer names no media id", answer.status))
    return media_id


async def download(
    http: HttpClient, *, base_url: str, access_token: str, media_id: str, bytes_max: int, now_us: int
) -> DownloadedMedia:
    """
    Fetch a file by the provider's id; at most ``bytes_max`` bytes.

    Raises ``ProviderMediaError``: ``REJECTED`` for an unknown or expired id, a file that is too large, and a URL on a
    host that is not the provider's.
    """
    headers = {"authorization": f"Bearer {access_token}"}
    described = await _get(
        http, f"{base_url}/{quote(media_id, safe='')}", headers=headers, body_bytes_max=ANSWER_BYTES_MAX
    )
    facts = read_object(_found(described, now_us=now_us).body) or {}
    url, mime_type, size = facts.get("url"), facts.get("mime_type"), str(facts.get("file_size", ""))
    if not isinstance(url, str) or not is_media_url(url, base_url=base_url):
        raise ProviderMediaError(_rejected("the file's URL is not on a host of the provider", described.status))
    if size.isascii() and size.isdigit() and int(size) > bytes_max:
        raise ProviderMediaError(_too_large(bytes_max))
    answer = await _get(http, url, headers=headers, body_bytes_max=bytes_max)
    if answer.status == 404:
        # The URL has run out; the next try asks for a new one.
        raise ProviderMediaError(_transient("the file's URL has run out", answer.status))
    content = _succeeded(answer, now_us=now_us).body
    if not isinstance(mime_type, str) or not mime_type:
        mime_type = answer.headers.get("content-type", "application/octet-stream")
    return DownloadedMedia(data=content, mime_type=mime_type)


def is_media_url(url: str, *, base_url: str) -> bool:
    """
    Say whether a download URL may be shown the bearer token.

    It may if it is on the API's own origin, or is https on a host at or below ``MEDIA_HOSTS``, standard port.
    """
    try:
        asked, own = urlsplit(url), urlsplit(base_url)
        asked_port, own_port = asked.port, own.port
    except ValueError:
        return False
    if asked.username is not None or asked.password is not None or not asked.hostname:
        return False
    if (asked.scheme, asked.hostname, asked_port) == (own.scheme, own.hostname, own_port):
        return True
    is_standard = asked.scheme == "https" and asked_port in (None, 443)
    return is_standard and any(asked.hostname == host or asked.hostname.endswith(f".{host}") for host in MEDIA_HOSTS)


async def _get(http: HttpClient, url: str, *, headers: Mapping[str, str], body_bytes_max: int) -> HttpAnswer:
    try:
        return await http.request(
            "GET", url, headers=headers, timeouts=_TRANSFER_TIMEOUTS, body_bytes_max=body_bytes_max
        )
    except OutboundError as error:
        if error.kind is EndKind.BODY_TOO_LARGE:
            raise ProviderMediaError(_too_large(body_bytes_max)) from error
        raise ProviderMediaError(_harmless(read_broken_end(error))) from error


def _form_head(boundary: str, *, mime_type: str, filename: str) -> bytes:
    # Quotes and control characters are percent-encoded, as browsers do; the rest of a name may be any UTF-8.
    safe_name = _HEADER_BREAKERS.sub(lambda match: f"%{ord(match[0]):02X}", filename)
    safe_type = _HEADER_BREAKERS.sub("", mime_type)
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("messaging_product", "whatsapp"), ("type", safe_type))
    )
    return (
        f'{fields}--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe_name}"\r\n'
        f"Content-Type: {safe_type}\r\n\r\n"
    ).encode()


async def _pieces(head: bytes, data: bytes, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    view = memoryview(data)
    for start in range(0, len(data), _CHUNK_BYTES):
        yield bytes(view[start : start + _CHUNK_BYTES])
    yield tail


def _succeeded(answer: HttpAnswer, *, now_us: int) -> HttpAnswer:
    if 200 <= answer.status < 300:
        return answer
    raise ProviderMediaError(_harmless(read_failure(answer, now_us=now_us)))


def _found(answer: HttpAnswer, *, now_us: int) -> HttpAnswer:
    """Like ``_succeeded``, for a path that names a file: an unknown object is the file, not the source's number."""
    if 200 <= answer.status < 300:
        return answer
    failure = _harmless(read_failure(answer, now_us=now_us))
    if failure.provider_code == 100 or answer.status == 404:
        failure = _rejected(failure.detail, answer.status)
    raise ProviderMediaError(failure)


def _read_id(answer: HttpAnswer) -> str | None:
    media_id = (read_object(answer.body) or {}).get("id")
    if isinstance(media_id, str) and 0 < len(media_id) <= IDENTIFIER_CHARACTERS_MAX and media_id.isprintable():
        return media_id
    return None


def _harmless(failure: SendFailure) -> SendFailure:
    """Return the failure of a call that may be repeated without harm: doubt about its end is no doubt then."""
    if failure.kind is not SendFailureKind.IN_DOUBT:
        return failure
    return _transient(failure.detail, failure.http_status)


def _transient(detail: str, http_status: int | None) -> SendFailure:
    return SendFailure(
        kind=SendFailureKind.TRANSIENT, reason=FailureReason.TECHNICAL_ERROR, detail=detail, http_status=http_status
    )


def _rejected(detail: str, http_status: int | None) -> SendFailure:
    return SendFailure(
        kind=SendFailureKind.REJECTED, reason=FailureReason.BAD_MEDIA, detail=detail, http_status=http_status
    )


def _too_large(bytes_max: int) -> SendFailure:
    return _rejected(f"the file has more than {bytes_max} bytes", None)
