"""What is sent upstream, content by content (contract, section 9.1)."""

import json

import pytest

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
    TemplateButton,
    Text,
)
from waypost.domain.template import ButtonKind, ButtonShape, HeaderKind, TemplateShape
from waypost.ports import OutboundRequest
from waypost.providers.cloud_api.payloads import encode_message

FRAME = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+12025550143"}


def encoded(content, **other):
    request = OutboundRequest(
        **{
            "recipient": "12025550143",
            "recipient_type": RecipientType.INDIVIDUAL,
            "content": content,
            "token": "v1.token",
            **other,
        }
    )
    return json.loads(encode_message(request))


def body(kind, payload, **more):
    return {**FRAME, "type": kind, kind: payload, **more, "biz_opaque_callback_data": "v1.token"}


def test_text():
    assert encoded(Text(body="héllo", preview_url=True)) == body("text", {"body": "héllo", "preview_url": True})


def test_a_reply_names_the_quoted_message():
    sent = encoded(Text(body="yes"), context_provider_id="wamid.1")

    assert sent["context"] == {"message_id": "wamid.1"}


def test_a_group_is_addressed_by_its_id_as_it_is():
    sent = encoded(Text(body="all"), recipient="Z3JvdXA=", recipient_type=RecipientType.GROUP)

    assert (sent["recipient_type"], sent["to"]) == ("group", "Z3JvdXA=")


def test_a_person_without_a_number_is_addressed_by_user_id():
    sent = encoded(Text(body="hi"), recipient="US.13491208655302741918")

    assert sent["recipient"] == "US.13491208655302741918"
    assert "to" not in sent


@pytest.mark.parametrize("kind", list(MediaKind))
def test_media_by_id_shows_caption_and_name_only_where_they_can_be_shown(kind):
    content = Media(attachment=Attachment(media_id="asset", kind=kind, filename="menu.pdf"), caption="Menu")

    file = encoded(content, provider_media_id="1234", media_kind=kind)[kind.value]

    expected = {"id": "1234"}
    if kind in (MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT):
        expected["caption"] = "Menu"
    if kind is MediaKind.DOCUMENT:
        expected["filename"] = "menu.pdf"
    assert file == expected


def test_media_by_url_is_a_link_until_the_provider_holds_the_file():
    content = Media(attachment=Attachment(url="https://files.example/a.jpg", kind=MediaKind.IMAGE))

    assert encoded(content)["image"] == {"link": "https://files.example/a.jpg"}
    assert encoded(content, provider_media_id="1")["image"] == {"id": "1"}


@pytest.mark.parametrize(
    ("content", "other"),
    [
        (Media(attachment=Attachment(media_id="asset")), {"provider_media_id": "1"}),
        (Media(attachment=Attachment(media_id="asset", kind=MediaKind.IMAGE)), {}),
    ],
)
def test_a_file_without_kind_or_reference_is_a_defect(content, other):
    with pytest.raises(ValueError, match="handed over without"):
        encoded(content, **other)


def test_location_leaves_out_unknown_texts():
    plain = Location(longitude=-77.05, latitude=38.89)
    named = Location(longitude=-77.05, latitude=38.89, name="Memorial", address="2 Lincoln Cir")

    assert encoded(plain)["location"] == {"latitude": 38.89, "longitude": -77.05}
    assert encoded(named)["location"] == {
        "latitude": 38.89, "longitude": -77.05, "name": "Memorial", "address": "2 Lincoln Cir",
    }  # fmt: skip


def test_a_bare_template_has_no_components():
    sent = encoded(Template(name="order_ready", language="en_US"))

    assert sent["template"] == {"name": "order_ready", "language": {"code": "en_US", "policy": "deterministic"}}


def test_a_template_has_header_body_and_buttons():
    template = Template(
        name="order_ready",
        language="en",
        attributes=("Noor", "A17"),
        header=MediaKind.DOCUMENT,
        attachment=Attachment(media_id="asset", filename="bill.pdf"),
        buttons=(
            TemplateButton(index=0, payload="CONFIRM_52"),
            TemplateButton(index=1, payload="https://shop.example/a"),
        ),
    )

    components = encoded(template, provider_media_id="77")["template"]["components"]

    assert components == [
        {
            "type": "header",
            "parameters": [{"type": "document", "document": {"id": "77", "filename": "bill.pdf"}}],
        },
        {"type": "body", "parameters": [{"type": "text", "text": "Noor"}, {"type": "text", "text": "A17"}]},
        {
            "type": "button", "sub_type": "quick_reply", "index": "0",
            "parameters": [{"type": "payload", "payload": "CONFIRM_52"}],
        },
        {
            "type": "button", "sub_type": "url", "index": "1",
            "parameters": [{"type": "text", "text": "https://shop.example/a"}],
        },
    ]  # fmt: skip


def test_a_template_header_by_url_is_a_link():
    template = Template(
        name="promo", language="en", header=MediaKind.IMAGE, attachment=Attachment(url="https://files.example/a.png")
    )

    [header] = encoded(template)["template"]["components"]

    assert header["parameters"] == [{"type": "image", "image": {"link": "https://files.example/a.png"}}]


def buttons_of(shape, *payloads, attributes=()):
    given = tuple(TemplateButton(index=index, payload=payload) for index, payload in payloads)
    template = Template(name="n", language="en", attributes=attributes, buttons=given)
    return encoded(template, template_shape=shape)["template"]["components"]


@pytest.mark.parametrize(
    ("kind", "payload", "sub_type", "parameter"),
    [
        (ButtonKind.QUICK_REPLY, "https://a", "quick_reply", {"type": "payload", "payload": "https://a"}),
        (ButtonKind.URL, "https://shop.example/r/31", "url", {"type": "text", "text": "r/31"}),
        (ButtonKind.URL, "r/31", "url", {"type": "text", "text": "r/31"}),
        (ButtonKind.COPY_CODE, "SPRING", "copy_code", {"type": "coupon_code", "coupon_code": "SPRING"}),
        (ButtonKind.FLOW, "token", "flow", {"type": "action", "action": {"flow_token": "token"}}),
        (
            ButtonKind.CATALOG,
            "bell-1",
            "catalog",
            {"type": "action", "action": {"thumbnail_product_retailer_id": "bell-1"}},
        ),
        (ButtonKind.OTHER, "https://a", "url", {"type": "text", "text": "https://a"}),
    ],
)
def test_a_button_is_what_the_template_has_at_its_place(kind, payload, sub_type, parameter):
    first = ButtonShape(kind=ButtonKind.PHONE_NUMBER)
    shape = TemplateShape(buttons=(first, ButtonShape(kind=kind, is_dynamic=True, fixed_part="https://shop.example/")))

    assert buttons_of(shape, (1, payload)) == [
        {"type": "button", "sub_type": sub_type, "index": "1", "parameters": [parameter]}
    ]


def test_a_code_is_in_the_body_and_in_its_button():
    shape = TemplateShape(body_variables=("1",), buttons=(ButtonShape(kind=ButtonKind.OTP),), is_authentication=True)

    body, button = buttons_of(shape, attributes=("314159",))

    assert body["parameters"] == [{"type": "text", "text": "314159"}]
    assert button == {
        "type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "314159"}],
    }  # fmt: skip


def test_values_go_to_the_header_first_and_carry_their_names_where_a_template_has_names():
    shape = TemplateShape(
        header=HeaderKind.TEXT, header_variables=("month",), body_variables=("name", "bike"), is_named=True
    )

    header, body = buttons_of(shape, attributes=("April", "Noor", "B-52"))

    assert header == {
        "type": "header", "parameters": [{"type": "text", "text": "April", "parameter_name": "month"}],
    }  # fmt: skip
    assert [(p["parameter_name"], p["text"]) for p in body["parameters"]] == [("name", "Noor"), ("bike", "B-52")]


def test_given_components_overrule_the_rest():
    template = Template(name="n", language="en", attributes=("a",), components=[{"type": "body", "parameters": []}])

    assert encoded(template)["template"]["components"] == [{"type": "body", "parameters": []}]


@pytest.mark.parametrize(
    ("content", "kind", "payload"),
    [
        (
            Interactive(definition={"type": "button", "body": {"text": "b"}}),
            "interactive",
            {"type": "button", "body": {"text": "b"}},
        ),
        (Contacts(contacts=[{"name": {"formatted_name": "N"}}]), "contacts", [{"name": {"formatted_name": "N"}}]),
        (Reaction(message_id="wamid.1", emoji=""), "reaction", {"message_id": "wamid.1", "emoji": ""}),
    ],
)
def test_what_is_in_the_providers_shape_is_passed_on(content, kind, payload):
    assert encoded(content) == body(kind, payload)
