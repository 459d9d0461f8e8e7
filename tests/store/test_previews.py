"""What a message says, in short, of everything that can be stored."""

import orjson
import pytest

from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.message import (
    Attachment,
    Contacts,
    Interactive,
    Location,
    Media,
    Reaction,
    Template,
    Text,
)
from waypost.store.content import encode_content
from waypost.store.previews import preview_inbound, preview_outbound, profile_name_of
from waypost.store.retention import BLANK_CONTENT


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Text(body="hello"), "hello"),
        (Media(attachment=Attachment(media_id="1"), caption="a picture"), "a picture"),
        (Media(attachment=Attachment(media_id="1", filename="bill.pdf")), "bill.pdf"),
        (Media(attachment=Attachment(media_id="1")), ""),
        (Location(longitude=1.0, latitude=2.0, name="Shop"), "Shop"),
        (Location(longitude=1.0, latitude=2.0), ""),
        (Template(name="repair_done", language="en", attributes=("you", "B-52")), "repair_done: you, B-52"),
        (Template(name="hello", language="en"), "hello"),
        (Interactive(definition={"type": "button", "body": {"text": "Choose"}}), "Choose"),
        (Interactive(definition={"type": "catalog_message"}), ""),
        (Contacts(contacts=[{"name": {"formatted_name": "Workshop"}}]), "Workshop"),
        (Reaction(message_id="m", emoji="👍"), "👍"),
    ],
)
def test_outbound_content_is_told_in_short(content, expected):
    assert expected == preview_outbound(encode_content(content))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"body": "hello"}, "hello"),
        ({"id": "1", "caption": "a picture"}, "a picture"),
        ({"id": "1", "filename": "bill.pdf"}, "bill.pdf"),
        ({"text": "Yes", "payload": "yes"}, "Yes"),
        ({"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}, "Yes"),
        ({"type": "list_reply", "list_reply": {"id": "1", "title": "Blue"}}, "Blue"),
        ({"contacts": [{"name": {"formatted_name": "Workshop"}}]}, "Workshop"),
        ({"latitude": 1, "longitude": 2, "name": "Shop"}, "Shop"),
        ({"message_id": "w", "emoji": "👍"}, "👍"),
        ({"name": {"not": "a text"}}, ""),
        ({"contacts": "nonsense"}, ""),
        ({}, ""),
    ],
)
def test_inbound_payloads_are_told_in_short(payload, expected):
    message = InboundMessage(
        provider_id="w",
        from_number="12025550143",
        from_user_id=None,
        to_number="12025550199",
        profile_name="Shopper",
        occurred_at_us=1,
        kind=InboundKind.UNKNOWN,
        payload=payload,
    )
    stored = orjson.dumps(message).decode()

    assert (expected, "Shopper") == (preview_inbound(stored), profile_name_of(stored))


def test_what_retention_has_taken_says_nothing():
    assert {""} == {preview_outbound(stored) for stored in BLANK_CONTENT.values()}
    assert ("", "", "", "") == (preview_outbound(""), preview_inbound(""), preview_inbound("{}"), profile_name_of("[]"))


def test_a_long_text_is_cut():
    assert "abc…" == preview_outbound(encode_content(Text(body="abcdefgh")), at_most=4)
