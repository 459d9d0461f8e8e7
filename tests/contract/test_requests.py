"""Properties of the request parsers that no list of examples can show."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.contract.consents import parse_blocklist, parse_consent_check, parse_consent_manage
from waypost.contract.errors import ContractRefusal
from waypost.contract.management import parse_source_change, parse_source_creation, parse_webhook_switch
from waypost.contract.requests import parse_send_request
from waypost.domain.message import Media, MessageDraft, RecipientType, Text
from waypost.domain.policy import SourcePolicy

MEMBERS = [
    "message",
    "message_type",
    "source",
    "recipient_type",
    "recipient_whatsapp",
    "x-apiheader",
    "ttl",
    "cta_link_track",
    "context",
    "scheduled_at",
    "type_text",
    "type_media",
    "type_location",
    "type_template",
    "type_media_template",
    "type_interactive",
    "type_contacts",
    "type_reaction",
    "content",
    "attachments",
    "attachment_id",
    "attachment_url",
    "attachment_type",
    "caption",
    "longitude",
    "latitude",
    "name",
    "attributes",
    "language",
    "locale",
    "policy",
    "components",
    "type",
    "url",
    "media_id",
    "filename",
    "button",
    "index",
    "payload",
    "header",
    "body",
    "footer",
    "action",
    "buttons",
    "reply",
    "id",
    "title",
    "sections",
    "rows",
    "description",
    "parameters",
    "display_text",
    "formatted_name",
    "contacts",
    "phones",
    "org",
    "birthday",
    "message_id",
    "emoji",
    "type",
    "recipients",
    "recipient",
    "user_agent",
    "ip",
    "phone_number",
    "waba_id",
    "access_token",
    "default",
    "webhook_name",
    "status",
]
WORDS = [
    "text",
    "media",
    "template",
    "media_template",
    "location",
    "interactive",
    "contacts",
    "reaction",
    "group",
    "individual",
    "12025550143",
    "417-220",
    "image",
    "document",
    "optin",
    "blocklist",
    "incoming",
    "enable",
    "list",
    "cta_url",
    "2031-03-04T09:15:20Z",
    "1",
    "true",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", " ", *WORDS])
    | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    max_leaves=30,
)
entries = st.fixed_dictionaries(
    {
        "message_type": st.sampled_from(WORDS[:8]),
        "source": st.just("417-220"),
        "recipient_whatsapp": st.just("12025550143"),
    },
    optional={member: values for member in MEMBERS if member.startswith("type_")}
    | dict.fromkeys(("ttl", "scheduled_at", "context", "x-apiheader", "recipient_type"), values),
)


def parse(body, *, source_policy=SourcePolicy.STRICT):
    return parse_send_request(body, source_policy=source_policy, now_us=0)


def parse_entries(*given_entries):
    return parse(orjson.dumps({"message": list(given_entries)}))


@given(st.binary(max_size=60))
def test_no_bytes_make_a_parser_raise(body):
    parse_others = (
        parse_consent_check,
        parse_consent_manage,
        parse_blocklist,
        parse_source_creation,
        parse_source_change,
        parse_webhook_switch,
    )

    for parser in (parse, *parse_others):
        parser(body)


@given(values, st.sampled_from(SourcePolicy))
def test_no_json_makes_a_parser_raise(value, source_policy):
    body = orjson.dumps(value)

    assert isinstance(parse(body, source_policy=source_policy), list | ContractRefusal)
    for parser in (parse_consent_check, parse_consent_manage, parse_blocklist):
        parser(body)
    for parser in (parse_source_creation, parse_source_change, parse_webhook_switch):
        parser(body)


@given(st.lists(entries, min_size=1, max_size=3))
def test_an_entry_with_sound_members_becomes_a_draft_or_a_refusal(given_entries):
    result = parse_entries(*given_entries)

    if isinstance(result, ContractRefusal):
        assert len(result.drafts_before) < len(given_entries)
    else:
        assert len(given_entries) == len(result)
        assert all(isinstance(draft, MessageDraft) for draft in result)


def text_entry(**members):
    return {"message_type": "text", "recipient_whatsapp": "12025550143", "type_text": [{"content": "x"}], **members}


def test_the_entries_before_a_fault_come_with_the_refusal():
    refusal = parse_entries(text_entry(), text_entry(), {})

    assert isinstance(refusal, ContractRefusal)
    assert refusal.index == 2
    assert [Text(body="x")] * 2 == [draft.content for draft in refusal.drafts_before]


def test_a_thousand_entries_are_parsed_and_their_depth_is_not_their_number():
    result = parse_entries(*[text_entry()] * 1000)

    assert isinstance(result, list)
    assert len(result) == 1000


def test_text_that_only_looks_like_an_escaped_nul_is_taken():
    body = (
        rb'{"message":[{"message_type":"text","recipient_whatsapp":"12025550143","type_text":[{"content":"\\u0000"}]}]}'
    )

    drafts = parse(body)

    assert isinstance(drafts, list)
    assert drafts[0].content == Text(body="\\u0000")


def test_groups_are_left_to_policy_where_nobody_knows_of_them():
    drafts = parse_entries(text_entry(recipient_type="group", recipient_whatsapp="g"))

    assert isinstance(drafts, list)
    assert drafts[0].recipient_type is RecipientType.GROUP


def test_the_group_question_is_asked_with_the_source_as_given():
    asked = []
    body = orjson.dumps(
        {"message": [text_entry(recipient_type="group", recipient_whatsapp="g", source="417-220"), text_entry()]}
    )

    drafts = parse_send_request(
        body,
        source_policy=SourcePolicy.STRICT,
        now_us=0,
        lacks_groups=lambda source: bool(asked.append(source)),
    )

    assert isinstance(drafts, list)
    assert asked == ["417-220"]


@pytest.mark.parametrize(("given_source", "names_one"), [(None, False), ("", False), (" ", False), ("417-220", True)])
def test_a_blank_source_names_none(given_source, names_one):
    drafts = parse_entries(text_entry(source=given_source))

    assert isinstance(drafts, list)
    assert names_one is drafts[0].names_source


def test_a_draft_knows_its_file():
    media = {"message_type": "media", "type_media": [{"attachments": [{"attachment_id": "f"}]}], "source": "s"}
    drafts = parse_entries(text_entry(), text_entry() | media)

    assert isinstance(drafts, list)
    assert drafts[0].attachment is None
    assert isinstance(drafts[1].content, Media)
    assert drafts[1].attachment == drafts[1].content.attachment
