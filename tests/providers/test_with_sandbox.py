"""Client and sandbox were written apart, from the same pages: here they must understand each other."""

import base64

import pytest
from tests.providers.conftest import NUMBER, PHONE, WABA

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind
from waypost.domain.message import (
    Attachment,
    Contacts,
    Interactive,
    Location,
    Media,
    MediaKind,
    Reaction,
    RecipientType,
    Template,
    Text,
)
from waypost.ports import Accepted, OutboundRequest, ProviderSource

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def request(content, **other):
    return OutboundRequest(
        recipient=PHONE, recipient_type=RecipientType.INDIVIDUAL, content=content, token="v1.token", **other
    )


@pytest.mark.parametrize(
    "content",
    [
        Text(body="hi", preview_url=True),
        Location(longitude=-77.05, latitude=38.89, name="Memorial"),
        Contacts(contacts=[{"name": {"formatted_name": "Noor Q", "first_name": "Noor"}}]),
        Interactive(
            definition={
                "type": "button",
                "body": {"text": "When?"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "am", "title": "Morning"}}]},
            }
        ),
        Reaction(message_id="wamid.HBgLMTIwMjU1NTAxNDMVAgARGBI", emoji="🎉"),
        Media(attachment=Attachment(url="http://127.0.0.1:9/a.png", kind=MediaKind.IMAGE), caption="Look"),
    ],
    ids=lambda content: type(content).__name__,
)
async def test_each_content_is_understood(sandbox_client, source, content):
    end = await sandbox_client.send(source, request(content))

    assert isinstance(end, Accepted), end


async def test_a_file_goes_up_is_sent_by_id_and_comes_down_again(sandbox_client, source):
    media_id = await sandbox_client.upload_media(source, data=PNG, mime_type="image/png", filename="dot.png")
    content = Media(attachment=Attachment(media_id="asset", kind=MediaKind.IMAGE), caption="A dot")

    end = await sandbox_client.send(source, request(content, provider_media_id=media_id))
    file = await sandbox_client.download_media(source, media_id=media_id, bytes_max=10_000)

    assert isinstance(end, Accepted), end
    assert (file.data, file.mime_type) == (PNG, "image/png")


async def test_its_refusals_are_read_by_their_codes(sandbox_client, source):
    missing = await sandbox_client.send(source, request(Template(name="unknown", language="en")))
    expired = await sandbox_client.send(
        ProviderSource(source_id="s", provider="sandbox", phone_number_id=source.phone_number_id, access_token="old"),
        request(Text(body="hi")),
    )
    nowhere = await sandbox_client.send(
        ProviderSource(source_id="s", provider="sandbox", phone_number_id="9", access_token=source.access_token),
        request(Text(body="hi")),
    )

    assert (missing.kind, missing.reason) == (SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE)
    assert (expired.kind, expired.reason) == (SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE)
    assert nowhere.kind is SendFailureKind.MISCONFIGURED


async def test_the_doctors_questions_are_answered(sandbox_client, source):
    facts = await sandbox_client.get_phone_number(source)
    apps = await sandbox_client.get_subscribed_apps(source, waba_id=WABA)

    assert not isinstance(facts, SendFailure)
    assert (facts.display_phone_number, facts.status) == (f"+{NUMBER}", "CONNECTED")
    assert not isinstance(apps, SendFailure)
