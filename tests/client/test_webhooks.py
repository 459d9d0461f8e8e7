"""Webhooks are verified, and read whatever the spelling: by the contract's golden files."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as Reference
from tests.contract.golden_files import load, paths

from waypost.client import ConfigurationError, WebhookFormatError, WebhookSignatureError
from waypost.client import webhooks as told
from waypost.client.webhooks import parse, receive, verify

OLD_SECRET = "whsec_" + "b2xk" * 8
SECRET = "whsec_" + "bmV3" * 8
NOW = datetime(2031, 3, 4, 9, 15, 22, tzinfo=UTC)
FILES = [path for path in paths("webhooks") if load(path)["webhook"] != "notice"]
TYPES = {
    "": told.Incoming,
    "TEXT": told.IncomingText,
    "IMAGE": told.IncomingImage,
    "VIDEO": told.IncomingVideo,
    "AUDIO": told.IncomingAudio,
    "DOCUMENT": told.IncomingDocument,
    "STICKER": told.IncomingSticker,
    "LOCATION": told.IncomingLocation,
    "CONTACTS": told.IncomingContacts,
    "BUTTON": told.IncomingButton,
    "ORDER": told.IncomingOrder,
    "REACTION": told.IncomingReaction,
}


def signed(body, *, secret=SECRET, webhook_id="msg_1", at=NOW):
    signature = Reference(secret).sign(webhook_id, at, body.decode())
    return {"webhook-id": webhook_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def incoming(**changes):
    entry = {"message_id": "wamid.1", "from": "12025550143", "to": "12025550199", "received_at": "1930000000"}
    [event] = parse(json.dumps({"incoming_message": [entry | changes]}).encode())
    return event


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_golden_webhook_is_read_into_its_type(path):
    case = load(path)
    body = case["body"]
    raw = json.dumps(body).encode()

    events = parse(raw)

    [entries] = body.values()
    assert list(entries) == [event.raw for event in events]
    for entry, event in zip(entries, events, strict=True):
        assert event.received_at is not None
        if case["webhook"] == "event":
            assert (entry["ncmessage_id"], entry["status"], entry["status_remark"], entry["x-apiheader"]) == (
                event.message_id,
                event.status,
                event.remark,
                event.caller_data,
            )
            assert f"{entry['ncmessage_id']}:{entry['status']}" == event.key
            assert entry["status_remark"][:4] == event.code
        else:
            kind = entry.get("message_type", "")
            expected = TYPES.get(kind, (told.IncomingReply, told.IncomingFlowReply))
            assert isinstance(event, expected)
            assert kind or type(event) is told.Incoming
            assert (entry["message_id"], entry["from"], entry["from_name"]) == (
                event.message_id,
                event.sender,
                event.sender_name,
            )
            assert (event.context is None) == (entry["context"]["message_id"] == "")
        if entry.get("from", entry.get("recipient", "")).isdecimal():
            assert "12025550143" not in repr(event)


def test_the_golden_webhooks_show_every_type():
    seen = {type(event) for path in FILES for event in parse(json.dumps(load(path)["body"]).encode())}

    assert seen >= {*TYPES.values(), told.IncomingReply, told.IncomingFlowReply, told.DeliveryStatus}


def test_content_is_where_its_type_has_it():
    button = incoming(message_type="BUTTON", text_type={"payload": "CONFIRM_52", "text": "Confirm"})
    reply = {"type": "list_reply", "list_reply": {"id": "r1", "title": "Brakes", "description": "both"}}
    chosen = incoming(message_type="interactive", interactive_type=reply)
    flow = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"a":1}'}}
    filled = incoming(message_type="INTERACTIVE", interactive_type=flow)

    assert ("CONFIRM_52", "Confirm") == (button.payload, button.text)
    assert ("list", "r1", "Brakes", "both") == (chosen.style, chosen.id, chosen.title, chosen.description)
    assert ({"a": 1}, "flow", "Sent") == (filled.response, filled.name, filled.body)


@pytest.mark.parametrize("spelling", ["AUDIO", "audio", "Audio"])
def test_words_count_in_any_case(spelling):
    sound = {"id": "1", "mime_type": "audio/ogg", "sha256": "", "voice": "true"}

    event = incoming(message_type=spelling, audio_type=sound)

    assert ("audio", True) == (event.kind, event.is_voice)


def test_older_and_odd_forms_are_read():
    voice = incoming(message_type="VOICE", voice_type={"id": "1", "mime_type": "audio/ogg", "sha256": "x"})
    place = incoming(message_type="LOCATION", location_type={"latitude": "38.9", "longitude": None})
    listed = incoming(message_type="TEXT", text_type=[{"text": "hi"}], context={"ncmessage_id": None})
    dated = incoming(message_type="TEXT", text_type={"text": "x"}, received_at="2031-03-04 09:15:22")
    timeless = incoming(message_type="TEXT", text_type={"text": "x"}, received_at="soon", **{"from": 12025550143})

    assert voice.is_voice
    assert (38.9, None, "") == (place.latitude, place.longitude, place.name)
    assert ("hi", None) == (listed.text, listed.context)
    assert datetime(2031, 3, 4, 9, 15, 22, tzinfo=UTC) == dated.received_at
    assert (None, "12025550143") == (timeless.received_at, timeless.sender)


@pytest.mark.parametrize(
    "changes",
    [
        {"message_type": "HOLOGRAM", "hologram_type": {}},
        {"message_type": "TEXT"},
        {"message_type": "TEXT", "text_type": "x"},
        {"message_type": None},
        {"message_type": "INTERACTIVE", "interactive_type": {"type": "later_reply", "later_reply": {}}},
        {"message_type": "INTERACTIVE", "interactive_type": {"type": "button_reply"}},
    ],
)
def test_what_has_no_type_here_is_kept_as_it_came(changes):
    event = incoming(**changes)

    assert type(event) is told.Incoming
    assert changes.items() <= event.raw.items()


def test_a_batch_of_several_kinds_keeps_its_order_and_leaves_unknown_members_out():
    body = {
        "later": [1],
        "Delivery_Status": {"ncmessage_id": "m", "status": "READ", "recipient": 12025550143},
        "incoming_message": [{"message_id": "w"}],
        "notice": [{"type": "message.in_doubt", "subject_id": "m", "occurred_at_us": 1_930_382_122_000_000}],
    }

    first, second, third = parse(json.dumps(body).encode())

    assert ("w", "m:read", "12025550143") == (first.key, second.key, second.recipient)
    assert ("message.in_doubt", "m", NOW) == (third.type, third.subject_id, third.occurred_at)
    assert "message.in_doubt:m:1930382122000000" == third.key


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"{}", b'{"other":[]}', b'{"delivery_status":[1]}', b'{"notice":3}']
)
def test_what_is_no_webhook_is_refused(body):
    with pytest.raises(WebhookFormatError):
        parse(body)


@pytest.mark.parametrize("secrets", [SECRET, [SECRET], [OLD_SECRET, SECRET]])
def test_a_genuine_webhook_is_received_by_any_of_the_secrets(secrets):
    body = json.dumps({"delivery_status": [{"ncmessage_id": "m", "status": "read"}]}).encode()

    webhook = receive(body, signed(body), secrets=secrets, now=NOW.timestamp())

    assert ("msg_1", int(NOW.timestamp())) == (webhook.id, webhook.timestamp)
    assert ["m:read"] == [event.key for event in webhook.events]


def test_of_several_signatures_one_is_enough_and_headers_may_be_spelt_as_wsgi_does():
    both = signed(b"{}", secret=OLD_SECRET)["webhook-signature"] + " v1a,x " + signed(b"{}")["webhook-signature"]
    headers = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in signed(b"{}").items()}

    assert "msg_1" == verify(b"{}", headers | {"HTTP_WEBHOOK_SIGNATURE": both}, secrets=SECRET, now=NOW.timestamp()).id


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1930382123"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "٣"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1,\udcff"},
        {"webhook-id": "msg_1\udcff"},
        {"webhook-signature": "v2,abc"},
        {"webhook-signature": ""},
    ],
)
def test_anything_changed_is_refused(changes):
    with pytest.raises(WebhookSignatureError):
        verify(b"{}", signed(b"{}") | changes, secrets=SECRET, now=NOW.timestamp())


def test_another_body_another_secret_and_another_time_are_refused():
    headers, now = signed(b"{}"), NOW.timestamp()

    for body, secret, moment in ((b"{} ", SECRET, now), (b"{}", OLD_SECRET, now), (b"{}", SECRET, now + 301)):
        with pytest.raises(WebhookSignatureError):
            verify(body, headers, secrets=secret, now=moment)
    with pytest.raises(WebhookSignatureError):
        verify(b"{}", headers, secrets=SECRET)
    assert verify(b"{}", headers, secrets=SECRET, now=now - 299)
    assert verify(b"{}", headers, secrets=SECRET, now=now + 3000, tolerance_seconds=3600)


@pytest.mark.parametrize("secrets", ["", "whsec_", "whsec_é", [], ["whsec_%%%"]])
def test_a_secret_that_is_none_is_said_before_anything_is_judged(secrets):
    with pytest.raises(ConfigurationError):
        verify(b"{}", {}, secrets=secrets)
