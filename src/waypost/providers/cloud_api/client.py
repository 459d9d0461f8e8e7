"""The Cloud API over HTTP: one request a call, no redirect followed, every end read by ``ends``."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from waypost.domain.errors import SendFailure
from waypost.domain.value import value
from waypost.outbound.http import HttpClient, OutboundError, Timeouts
from waypost.ports import Accepted, Clock, DownloadedMedia, OutboundRequest, ProviderSource, ProviderTemplate
from waypost.providers.cloud_api import media, templates
from waypost.providers.cloud_api.ends import read_broken_end, read_failure, read_object, read_send_end
from waypost.providers.cloud_api.limits import ANSWER_BYTES_MAX
from waypost.providers.cloud_api.payloads import encode_message

_PHONE_NUMBER_FIELDS = "verified_name,display_phone_number,quality_rating,status"


@value
class PhoneNumberFacts:
    """What the provider says of a number; ``""`` for what it leaves out. ``status`` is ``CONNECTED`` if it can send."""

    display_phone_number: str
    verified_name: str
    status: str
    quality_rating: str


@value
class SubscribedApp:
    """An app that gets the business account's webhooks."""

    id: str
    name: str


class CloudApiClient:
    """
    ``Provider`` over an ``HttpClient``.

    Args:
        http: keeps its own timeouts and connections.
        base_urls: by the provider's name (``meta``, ``sandbox``), version included, without a slash at the end.
        clock: for a Retry-After that names a date.
        send_timeouts: of a message's POST; None means the client's.
    """

    def __init__(
        self, http: HttpClient, *, base_urls: Mapping[str, str], clock: Clock, send_timeouts: Timeouts | None = None
    ) -> None:
        self._http = http
        self._base_urls = {name: url.rstrip("/") for name, url in base_urls.items()}
        self._clock = clock
        self._send_timeouts = send_timeouts

    async def send(self, source: ProviderSource, request: OutboundRequest) -> Accepted | SendFailure:
        """See ``Provider.send``. A cancelled call raises ``CancelledError``, and must be counted as in doubt."""
        try:
            answer = await self._http.request(
                "POST",
                f"{self._base_urls[source.provider]}/{source.phone_number_id}/messages",
                headers={"authorization": "Bearer " + source.access_token, "content-type": "application/json"},
                body=encode_message(request),
                timeouts=self._send_timeouts,
                body_bytes_max=ANSWER_BYTES_MAX,
            )
        except OutboundError as error:
            return read_broken_end(error)
        return read_send_end(answer, now_us=self._clock.now_us())

    async def mark_read(self, source: ProviderSource, *, wamid: str, shows_typing: bool) -> SendFailure | None:
        """
        Show the sender of an inbound message that it was read, and perhaps that an answer is being typed.

        What the person wrote before counts as read too, but in groups (send-messages page, Sep 2026). The sign of
        typing goes with the next message, or after 25 s. A second call shows nothing new.
        """
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if shows_typing:
            body["typing_indicator"] = {"type": "text"}
        try:
            answer = await self._http.request(
                "POST",
                f"{self._base_urls[source.provider]}/{source.phone_number_id}/messages",
                headers={"authorization": "Bearer " + source.access_token, "content-type": "application/json"},
                body=orjson.dumps(body),
                body_bytes_max=ANSWER_BYTES_MAX,
            )
        except OutboundError as error:
            return read_broken_end(error)
        return None if 200 <= answer.status < 300 else read_failure(answer, now_us=self._clock.now_us())

    async def upload_media(self, source: ProviderSource, *, data: bytes, mime_type: str, filename: str) -> str:
        """See ``media.upload``."""
        return await media.upload(
            self._http,
            base_url=self._base_urls[source.provider],
            phone_number_id=source.phone_number_id,
            access_token=source.access_token,
            data=data,
            mime_type=mime_type,
            filename=filename,
            now_us=self._clock.now_us(),
        )

    async def download_media(self, source: ProviderSource, *, media_id: str, bytes_max: int) -> DownloadedMedia:
        """See ``media.download``."""
        return await media.download(
            self._http,
            base_url=self._base_urls[source.provider],
            access_token=source.access_token,
            media_id=media_id,
            bytes_max=bytes_max,
            now_us=self._clock.now_us(),
        )

    async def get_phone_number(self, source: ProviderSource) -> PhoneNumberFacts | SendFailure:
        """Return what the provider says of the source's number, or how the question failed."""
        query = urlencode({"fields": _PHONE_NUMBER_FIELDS})
        found = await self._get(source, f"{quote(source.phone_number_id, safe='')}?{query}")
        if isinstance(found, SendFailure):
            return found
        return PhoneNumberFacts(
            display_phone_number=_text(found.get("display_phone_number")),
            verified_name=_text(found.get("verified_name")),
            status=_text(found.get("status")),
            quality_rating=_text(found.get("quality_rating")),
        )

    async def get_subscribed_apps(
        self, source: ProviderSource, *, waba_id: str
    ) -> tuple[SubscribedApp, ...] | SendFailure:
        """Return the apps that get the business account's webhooks: none means that no status will ever come."""
        found = await self._get(source, f"{quote(waba_id, safe='')}/subscribed_apps")
        if isinstance(found, SendFailure):
            return found
        listed = found.get("data")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        return tuple(
            SubscribedApp(
                id=_text(_member(entry, "whatsapp_business_api_data").get("id")),
                name=_text(_member(entry, "whatsapp_business_api_data").get("name")),
            )
            for entry in entries
        )

    async def list_templates(
        self, source: ProviderSource, *, waba_id: str
    ) -> tuple[ProviderTemplate, ...] | SendFailure:
        """See ``templates.list_templates``."""
        get = partial(self._get, source, body_bytes_max=templates.PAGE_BYTES_MAX)
        return await templates.list_templates(get, waba_id=waba_id)

    async def _get(
        self, source: ProviderSource, path: str, *, body_bytes_max: int = ANSWER_BYTES_MAX
    ) -> dict[str, Any] | SendFailure:
        try:
            answer = await self._http.request(
                "GET",
                f"{self._base_urls[source.provider]}/{path}",
                headers={"authorization": f"Bearer {source.access_token}"},
                body_bytes_max=body_bytes_max,
            )
        except OutboundError as error:
            return read_broken_end(error)
        found = read_object(answer.body) if 200 <= answer.status < 300 else None
        return read_failure(answer, now_us=self._clock.now_us()) if found is None else found


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _member(found: dict[str, Any], name: str) -> dict[str, Any]:
    member = found.get(name)
    return member if isinstance(member, dict) else {}
