"""Webhooks are read element by element, whatever stands in them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.receive.webhooks import NOW_SECONDS, body, encode, failed, message, messages, status, statuses, text, value

from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundContext, InboundKind
from waypost.domain.status import Status
from waypost.domain.update import InboundUpdate, OtherUpdate, ParkedUpdate, StatusUpdate, TemplateUpdate
from waypost.providers.cloud_api.events import MALFORMED, NOT_JSON, read_updates

NOW_US = NOW_SECONDS * 1_000_000
FILE = {"id": "840011223344556", "mime_type": "image/jpeg", "sha256": "3q2+7wABAgM="}


def read_one(raw):
    [update] = read_updates(raw)
    return update


def read_message(item, **more):
    update = read_one(messages(item, **more))
    assert isinstance(update, InboundUpdate), update
    return update.message


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "played"])
def test_a_status_says_which_message_what_and_when(word):
    raw = statuses(status("wamid.1", word, token="v1.x", pricing={"category": "utility"}))

    update = read_one(raw)

    assert isinstance(update, StatusUpdate)
    assert (update.wamid, update.token, update.phone_number_id) == ("wamid.1", "v1.x", "111")
    assert (update.fact.status, update.fact.occurred_at_us) == (Status(word), NOW_US)
    assert update.recipient == "12025550143"
    assert update.fact.pricing == "utility//"


def test_a_failed_status_has_the_reason_of_its_code():
    fact = read_one(statuses(failed("wamid.1", 131047))).fact

    assert (fact.reason, fact.provider_code) == (FailureReason.OUTSIDE_WINDOW, 131047)
    assert fact.detail == "Title: More of it."


@pytest.mark.parametrize("errors", [None, [], ["odd"], "odd", [{"title": "no code"}]])
def test_a_failed_status_without_a_readable_error_has_failed_all_the_same(errors):
    fact = read_one(statuses(status("wamid.1", "failed", errors=errors))).fact

    assert (fact.status, fact.reason, fact.provider_code) == (Status.FAILED, FailureReason.PLATFORM_ERROR, None)


def test_a_status_of_a_person_without_a_number_names_the_user_id():
    update = read_one(statuses(status("wamid.1", "sent", recipient_id=None, recipient_user_id="US.1349")))

    assert update.recipient == "US.1349"


def test_a_group_status_names_group_and_participant():
    item = status(
        "wamid.1", "read", recipient_id="Z3JvdXA=", recipient_type="group", recipient_participant_id="12025550143"
    )

    update = read_one(statuses(item))

    assert (update.recipient, update.participant) == ("Z3JvdXA=", "12025550143")


@pytest.mark.parametrize("word", ["warning", "deleted", "pending", ""])
def test_an_unknown_status_is_kept_as_something_else(word):
    assert read_one(statuses(status("wamid.1", word))) == OtherUpdate(field="statuses")


@pytest.mark.parametrize("timestamp", [NOW_SECONDS, str(NOW_SECONDS)])
def test_a_timestamp_may_be_text_or_number(timestamp):
    assert read_one(statuses({**status("wamid.1", "sent"), "timestamp": timestamp})).fact.occurred_at_us == NOW_US


@pytest.mark.parametrize(
    "change",
    [
        {"id": None}, {"id": ""}, {"id": 7}, {"id": "a\x00b"}, {"id": "w" * 513}, {"status": None}, {"status": 7},
        {"status": ["sent"]}, {"timestamp": None}, {"timestamp": "soon"}, {"timestamp": "-1"}, {"timestamp": "0"},
        {"timestamp": -1}, {"timestamp": 1.5}, {"timestamp": True}, {"timestamp": "9" * 12}, {"timestamp": 10**30},
        {"timestamp": "١٢٣"}, {"timestamp": {}},
    ],
)  # fmt: skip
def test_a_poisonous_status_is_parked_and_the_rest_goes_on(change):
    raw = statuses(status("wamid.1", "sent"), {**status("wamid.2", "sent"), **change}, status("wamid.3", "read"))

    updates = read_updates(raw)

    assert sorted(type(update).__name__ for update in updates) == ["ParkedUpdate", "StatusUpdate", "StatusUpdate"]


def test_a_text():
    found = read_message(text("wamid.1", "is it open today?"))

    assert found.kind is InboundKind.TEXT
    assert found.payload == {"body": "is it open today?"}
    assert (found.from_number, found.profile_name, found.to_number) == ("12025550143", "Noor", "12025550199")
    assert found.occurred_at_us == NOW_US
    assert found.context is None
    assert not found.has_referral


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document", "sticker"])
def test_a_file_is_kept_without_its_short_lived_url(kind):
    found = read_message(
        message("wamid.1", kind, **{kind: {**FILE, "url": "https://lookaside.example/x", "voice": True}})
    )

    assert (found.kind, found.payload) == (InboundKind(kind), {**FILE, "voice": True})


def test_a_place_keeps_its_url():
    place = {"latitude": 38.89, "longitude": -77.05, "url": "https://place.example"}

    assert read_message(message("wamid.1", "location", location=place)).payload == place


def test_contact_cards_are_an_object_with_an_array():
    found = read_message(message("wamid.1", "contacts", contacts=[{"name": {"formatted_name": "N"}}]))

    assert found.payload == {"contacts": [{"name": {"formatted_name": "N"}}]}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("button", {"text": "Confirm", "payload": "CONFIRM_52"}),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "am", "title": "Morning"}}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "One", "description": "First"}}),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"}}),
        ("order", {"catalog_id": "1", "product_items": []}),
        ("system", {"body": "changed", "wa_id": "12025550144", "type": "user_changed_number"}),
        ("edit", {"original_message_id": "wamid.0", "message": {"type": "text"}}),
        ("revoke", {"original_message_id": "wamid.0"}),
    ],
)
def test_other_kinds_keep_their_object(kind, payload):
    found = read_message(message("wamid.1", kind, **{kind: payload}, context={"from": "1", "id": "wamid.0"}))

    assert (found.kind, found.payload) == (InboundKind(kind), payload)
    assert found.context == InboundContext(provider_id="wamid.0")


def test_a_reaction_names_its_message_itself():
    found = read_message(message("wamid.1", "reaction", reaction={"message_id": "wamid.0", "emoji": "🎉"}))

    assert found.context == InboundContext(provider_id="wamid.0")


def test_unsupported_content_says_of_which_type():
    item = message("wamid.1", "unsupported", unsupported={"type": "poll_creation"}, errors=[{"code": 131051}])

    found = read_message(item)

    assert (found.kind, found.payload) == (InboundKind.UNSUPPORTED, {"type": "poll_creation"})


def test_an_unknown_kind_is_kept_by_its_word():
    found = read_message(message("wamid.1", "hologram", hologram={"depth": 3}))

    assert (found.kind, found.payload) == (InboundKind.UNKNOWN, {"type": "hologram", "depth": 3})


def test_a_file_that_could_not_be_carried_is_a_message_without_content():
    found = read_message(message("wamid.1", "video", errors=[{"code": 131052, "title": "Media download error"}]))

    assert found.kind is InboundKind.UNSUPPORTED


@pytest.mark.parametrize("context", [{"forwarded": True}, {"frequently_forwarded": True}, "odd", {"id": 7}, None])
def test_a_context_without_an_id_answers_nothing(context):
    assert read_message(text("wamid.1", "hi", context=context)).context is None


def test_a_message_from_an_ad_has_a_referral():
    assert read_message(text("wamid.1", "hi", referral={"source_type": "ad"})).has_referral


def test_a_person_known_by_user_id_only_is_still_somebody():
    item = {**text("wamid.1", "hi", from_user_id="BR.1349"), "from": None}
    contacts = [{"profile": {"name": "Ana", "username": "ana.example"}, "user_id": "BR.1349"}]

    found = read_one(body(value(contacts=contacts, messages=[item]))).message

    assert (found.from_number, found.from_user_id, found.sender, found.profile_name) == (
        None, "BR.1349", "BR.1349", "Ana",
    )  # fmt: skip


def test_names_are_given_to_their_own_messages():
    contacts = [{"profile": {"name": "A"}, "wa_id": "12025550141"}, {"profile": {"name": "B"}, "wa_id": "12025550142"}]
    items = [{**text(f"wamid.{n}", "hi"), "from": f"1202555014{n}"} for n in (2, 1, 3)]

    found = read_updates(body(value(contacts=contacts, messages=items)))

    assert [update.message.profile_name for update in found] == ["B", "A", ""]


@pytest.mark.parametrize(
    "contacts", [None, "odd", ["odd"], [{"profile": "odd"}], [{"profile": {"name": 7}, "wa_id": 7}]]
)
def test_odd_contacts_give_no_name(contacts):
    assert read_one(body(value(contacts=contacts, messages=[text("wamid.1", "hi")]))).message.profile_name == ""


def test_a_group_message_names_its_group():
    assert read_message(text("wamid.1", "hi", group_id="Z3JvdXA=")).group_id == "Z3JvdXA="


@pytest.mark.parametrize(
    "item",
    [
        None, 7, "odd", [], {}, text("", "hi"), message("wamid.1", "text", text="odd"), text("wamid.1", 7),
        {**text("wamid.1", "hi"), "type": None}, {**text("wamid.1", "hi"), "timestamp": None},
        message("wamid.1", "image", image="odd"), message("wamid.1", "image", image={"id": 7}),
        message("wamid.1", "contacts", contacts={}), message("wamid.1", "order"),
    ],
)  # fmt: skip
def test_a_poisonous_message_is_parked_and_the_rest_goes_on(item):
    updates = read_updates(messages(text("wamid.0", "before"), item, text("wamid.9", "after")))

    assert [update.message.provider_id for update in updates if isinstance(update, InboundUpdate)] == [
        "wamid.0", "wamid.9",
    ]  # fmt: skip
    assert [update for update in updates if isinstance(update, ParkedUpdate)] == [ParkedUpdate(reason=MALFORMED)]


def test_nesting_that_cannot_be_written_again_is_parked():
    deep = {}
    for _ in range(400):
        deep = {"a": deep}

    assert read_one(messages(message("wamid.1", "order", order=deep))) == ParkedUpdate(reason=MALFORMED)


def test_every_entry_and_change_is_read():
    change = {"field": "messages", "value": value(statuses=[status("wamid.1", "sent")])}
    document = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "a", "changes": [change, change]}, {"id": "b", "changes": [change]}],
    }

    assert len(read_updates(encode(document))) == 3


@pytest.mark.parametrize("field", ["account_update", "user_preferences", "new_one"])
def test_other_fields_are_kept_by_their_name(field):
    assert read_one(body({"event": "APPROVED"}, field=field)) == OtherUpdate(field=field)


NAMED = {
    "message_template_id": 1234567890,
    "message_template_name": "order_ready",
    "message_template_language": "en_US",
}


@pytest.mark.parametrize(
    ("field", "said", "read"),
    [
        (
            "message_template_status_update",
            {"event": "APPROVED", "reason": None, "message_template_category": "UTILITY"},
            {"status": "APPROVED", "category": "UTILITY"},
        ),
        (
            "message_template_status_update",
            {"event": "REJECTED", "reason": "INVALID_FORMAT"},
            {"status": "REJECTED", "reason": "INVALID_FORMAT"},
        ),
        ("message_template_status_update", {"event": "PAUSED", "reason": "NONE"}, {"status": "PAUSED"}),
        ("message_template_status_update", {"event": "REINSTATED"}, {"status": "APPROVED"}),
        ("message_template_status_update", {"event": "FLAGGED"}, {}),
        (
            "message_template_quality_update",
            {"previous_quality_score": "GREEN", "new_quality_score": "RED"},
            {"quality": "RED"},
        ),
        (
            "template_category_update",
            {"previous_category": "UTILITY", "new_category": "MARKETING"},
            {"category": "MARKETING"},
        ),
        ("message_template_components_update", {"message_template_element": "text"}, {}),
    ],
)
def test_news_of_a_template_is_read(field, said, read):
    expected = TemplateUpdate(waba_id="waba", provider_id="1234567890", name="order_ready", language="en_US", **read)

    assert read_one(body({**said, **NAMED}, field=field)) == expected


@pytest.mark.parametrize("spoilt", [{"message_template_name": 7}, {"message_template_language": None}])
def test_news_of_no_template_are_parked(spoilt):
    raw = body({"event": "PAUSED", **NAMED, **spoilt}, field="message_template_status_update")

    assert read_one(raw) == ParkedUpdate(reason=MALFORMED)
    assert read_one(body(7, field="template_category_update")) == ParkedUpdate(reason=MALFORMED)


def test_trouble_of_the_number_alone_is_something_else():
    assert read_one(body(value(errors=[{"code": 130429}]))) == OtherUpdate(field="errors")


@pytest.mark.parametrize(
    "raw",
    [
        encode({"object": "whatsapp_business_account"}),
        encode({"object": "whatsapp_business_account", "entry": {}}),
        encode({"object": "whatsapp_business_account", "entry": [7]}),
        encode({"object": "whatsapp_business_account", "entry": [{"changes": "odd"}]}),
        body(7),
        body({}),
        body({"metadata": {}}),
        body({"metadata": {"phone_number_id": 7}, "statuses": [status("wamid.1", "sent")]}),
        body(value(statuses="odd")),
        body(value(messages={})),
    ],
)
def test_an_envelope_of_another_shape_is_parked(raw):
    assert read_one(raw) == ParkedUpdate(reason=MALFORMED)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"not json", b"[]", b"7", b'"text"', b"{", b"[" * 100_000])
def test_what_is_no_json_object_is_parked(raw):
    assert read_one(raw) == ParkedUpdate(reason=NOT_JSON)


def test_another_product_of_the_provider_is_something_else():
    assert read_one(encode({"object": "page", "entry": []})) == OtherUpdate(field="object")


@pytest.mark.parametrize("broken", [b"\\ud83d", b"\\udc00", b"\xff\xfe"])
def test_a_broken_character_costs_nobody_his_message(broken):
    raw = messages(text("wamid.1", "BROKEN"), text("wamid.2", "fine \u00e9")).replace(b"BROKEN", broken)

    first, second = read_updates(raw)

    assert "\ufffd" in first.message.payload["body"]
    assert second.message.payload["body"] == "fine \u00e9"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAMPLE = json.loads(
    body(
        value(statuses=[failed("wamid.1", 131026, token="v1.x")]),
        value(
            contacts=[{"profile": {"name": "N"}, "wa_id": "1"}],
            messages=[
                text("wamid.2", "hi", context={"id": "w"}, referral={}),
                message("wamid.3", "image", image=FILE),
                message("wamid.4", "contacts", contacts=[{}]),
            ],
        ),
    )
)


def places(node, at=()):
    yield at
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from places(child, (*at, key))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(places(SAMPLE))), ODD)
def test_no_value_at_any_place_raises(place, odd):
    document = json.loads(json.dumps(SAMPLE))
    if place:
        owner = document
        for key in place[:-1]:
            owner = owner[key]
        owner[place[-1]] = odd
    else:
        document = odd

    updates = read_updates(json.dumps(document).encode())

    assert all(isinstance(update, StatusUpdate | InboundUpdate | OtherUpdate | ParkedUpdate) for update in updates)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(raw):
    assert read_updates(raw)
