"""Each type of message is an entry as the contract has it, and its parser takes it."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from tests.contract.golden_files import NOW_US

from waypost.client import (
    ChoiceList,
    CloudInteractive,
    ContactCard,
    Contacts,
    Custom,
    LinkButton,
    Location,
    Media,
    MediaTemplate,
    Reaction,
    ReplyButton,
    ReplyButtons,
    Row,
    Section,
    Template,
    Text,
)
from waypost.contract.requests import parse_send_request
from waypost.domain.message import Priority
from waypost.domain.policy import SourcePolicy

TO = "12025550143"
SOON = datetime.fromtimestamp(NOW_US / 1_000_000, UTC) + timedelta(hours=1)
URL = "https://cdn.example.org/bike.jpg"
MESSAGES = [
    (Text(to=TO, body="hi", preview_url=True), "type_text", [{"preview_url": "true", "content": "hi"}]),
    (
        Media(to=TO, media_id="m", caption="c"),
        "type_media",
        [{"attachments": [{"attachment_id": "m", "caption": "c"}]}],
    ),
    (
        Media(to=TO, url=URL, kind="image"),
        "type_media",
        [{"attachments": [{"attachment_url": URL, "attachment_type": "image"}]}],
    ),
    (
        Location(to=TO, longitude=-77.0365, latitude=38.8977, name="Workshop"),
        "type_location",
        [{"longitude": -77.0365, "latitude": 38.8977, "name": "Workshop"}],
    ),
    (
        Template(to=TO, name="repair_done", language="en", attributes=["Noor", "B-52"]),
        "type_template",
        [
            {
                "name": "repair_done",
                "attributes": ["Noor", "B-52"],
                "language": {"locale": "en", "policy": "deterministic"},
            }
        ],
    ),
    (
        MediaTemplate(
            to=TO, name="t", language="en", header="document", url=URL, filename="a.pdf", buttons={1: "b", 0: "a"}
        ),
        "type_media_template",
        {
            "type": "document",
            "url": URL,
            "filename": "a.pdf",
            "button": [{"index": "0", "payload": "a"}, {"index": "1", "payload": "b"}],
        },
    ),
    (MediaTemplate(to=TO, name="t", language="en", buttons={0: "a"}), "type_media_template", None),
    (
        Template(to=TO, name="t", language="en", components=[{"type": "limited_time_offer", "parameters": []}]),
        "type_template",
        None,
    ),
    (
        ReplyButtons(to=TO, body="When?", header="Collection", buttons=[ReplyButton(id="am", title="Morning")]),
        "type_interactive",
        [
            {
                "type": "button",
                "header": {"type": "text", "text": "Collection"},
                "body": "When?",
                "action": [{"buttons": [{"type": "reply", "reply": {"id": "am", "title": "Morning"}}]}],
            }
        ],
    ),
    (
        ChoiceList(
            to=TO,
            body="What?",
            footer="f",
            button="Services",
            sections=[
                Section(title="Repairs", rows=[Row(id="r1", title="Brakes", description="both")]),
                Section(title="Sales", rows=[Row(id="s1", title="Bells")]),
            ],
        ),
        "type_interactive",
        None,
    ),
    (
        LinkButton(to=TO, body="New", header_image_url=URL, display_text="Look", url=URL, tracks_links=True),
        "type_interactive",
        None,
    ),
    (
        CloudInteractive(
            to=TO,
            definition={
                "type": "location_request_message",
                "body": {"text": "Where?"},
                "action": {"name": "send_location"},
            },
        ),
        "type_interactive",
        None,
    ),
    (
        Contacts(
            to=TO,
            cards=[ContactCard(formatted_name="Shop", first_name="Shop", phones=["+12025550199"], company="Bicycles")],
        ),
        "type_contacts",
        [
            {
                "contacts": [
                    {
                        "name": {"formatted_name": "Shop", "first_name": "Shop"},
                        "phones": [{"phone": "+12025550199"}],
                        "org": {"company": "Bicycles"},
                    }
                ]
            }
        ],
    ),
    (Reaction(to=TO, message_id="wamid.1", emoji=""), "type_reaction", [{"message_id": "wamid.1", "emoji": ""}]),
    (Custom(to=TO, members={"message_type": "text", "type_text": [{"content": "x"}]}), "type_text", None),
]


def accepted(entry):
    drafts = parse_send_request(
        orjson.dumps({"message": [entry]}), source_policy=SourcePolicy.STRICT, now_us=NOW_US, priority=Priority.NORMAL
    )
    assert isinstance(drafts, list), drafts
    return drafts[0]


@pytest.mark.parametrize(("message", "member", "content"), MESSAGES, ids=lambda value: type(value).__name__)
def test_every_type_is_the_contracts_entry(message, member, content):
    entry = message.to_entry(source="417-220")

    assert content is None or content == entry[member]
    assert accepted(entry)
    assert "12025550" not in repr(message)
    assert {"context", "scheduled_at", "fallback_template", "ttl", "x-apiheader"}.isdisjoint(entry)


def test_what_every_message_has_is_where_the_contract_has_it():
    fallback = Template(to="", name="come_back", language="en")
    message = Text(
        to="+12025550143",
        source="other",
        caller_data="ticket-118",
        ttl_days=0.5,
        tracks_links=True,
        reply_to="wamid.1",
        scheduled_at=SOON,
        fallback_template=fallback,
        body="x",
    )

    entry = message.to_entry(source="417-220")

    assert accepted(entry)
    assert ("other", "ticket-118", 0.5, "1", {"message_id": "wamid.1"}, SOON.isoformat()) == tuple(
        entry[name] for name in ("source", "x-apiheader", "ttl", "cta_link_track", "context", "scheduled_at")
    )
    assert {"name": "come_back", "attributes": [], "language": {"locale": "en", "policy": "deterministic"}} == entry[
        "fallback_template"
    ]


@pytest.mark.parametrize(
    "message",
    [
        Media(to=TO),
        Media(to=TO, media_id="m", url=URL),
        Media(to=TO, url=URL),
        MediaTemplate(to=TO, name="t", language="en", header="image"),
        MediaTemplate(to=TO, name="t", language="en", url=URL),
        MediaTemplate(to=TO, name="t", language="en", header="image", url=URL, media_id="m"),
        Text(to=TO, body="x", scheduled_at=datetime(2031, 3, 4)),  # noqa: DTZ001 - without an offset, on purpose
    ],
)
def test_what_cannot_mean_anything_is_not_sent(message):
    with pytest.raises(ValueError, match="need"):
        message.to_entry()
