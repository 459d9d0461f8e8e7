"""
The contract is frozen by golden files: one per form of a request, refusal, answer and webhook.

A test that fails here says that the wire changed. Change a file only together with ``docs/contract.md``.
"""

import importlib.util
import re
import sys
from pathlib import Path

import orjson
import pytest

from waypost.contract import errors
from waypost.contract.errors import ContractError, ContractRefusal
from waypost.contract.replies import FailureReplies
from waypost.ports import OutboundRequest
from waypost.providers.cloud_api.payloads import encode_message

_SPEC = importlib.util.spec_from_file_location("golden_files", Path(__file__).with_name("golden_files.py"))
golden = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = golden
_SPEC.loader.exec_module(golden)

FORMS = (
    r"(.+) cannot be null or blank",
    r"(.+) is invalid",
    r"(.+) can only be (.+)\.",
    r"(.+) cannot be greater than (\d+) characters",
    r"(.+) cannot contain more than (\d+) entries",
    r"(.+) can contain only one entry",
)
"""Texts made of a member's name (contract, sections 2.3 and 2.4)."""


def cases(*directories):
    return [pytest.param(path, id=path.stem) for directory in directories for path in golden.paths(directory)]


@pytest.mark.parametrize("path", cases("send", "consent", "management"))
def test_a_valid_request_becomes_what_its_file_says(path):
    case = golden.load(path)

    assert case["accepted"] == golden.plain(golden.parse(case))


@pytest.mark.parametrize("path", cases("refusals"))
def test_a_faulty_request_gets_the_answer_of_its_file(path):
    case = golden.load(path)

    refusal = golden.parse(case)

    assert isinstance(refusal, ContractRefusal)
    assert FailureReplies().refused(refusal) == (200, orjson.dumps(case["answer"]))


@pytest.mark.parametrize("path", cases("replies"))
def test_an_answer_is_what_its_file_says(path):
    case = golden.load(path)

    reply = golden.render_reply(case)

    assert (case["status"], orjson.dumps(case["answer"])) == reply


@pytest.mark.parametrize("path", cases("webhooks"))
def test_a_webhook_body_is_what_its_file_says(path):
    case = golden.load(path)

    assert orjson.dumps(case["body"]) == golden.render_webhook(case)


def errors_in_files():
    found = set()
    for directory in ("refusals", "replies"):
        for path in golden.paths(directory):
            error = golden.load(path)["answer"].get("error")
            if isinstance(error, dict):
                found.add((error.get("code"), error["message"].strip()))
    for path in golden.paths("webhooks"):
        for entry in golden.load(path)["body"].get("delivery_status", []):
            found.add(tuple(entry["status_remark"].partition(" ")[::2]))
    for path in golden.paths("consent"):
        accepted = golden.load(path)["accepted"]
        for _, failed in accepted.get("failed", []) if isinstance(accepted, dict) else []:
            found.add((failed["error"]["code"], failed["error"]["text"]))
    return found


def test_every_text_of_the_contract_has_a_golden_file():
    fixed = {error for error in vars(errors).values() if isinstance(error, ContractError)} - {errors.DOCKER_ERROR}

    missing = {(error.code, error.text) for error in fixed} - errors_in_files()

    assert missing == set()


def test_every_form_of_text_has_a_golden_file():
    texts = [text for code, text in errors_in_files() if code == "8006"]

    assert [form for form in FORMS if not any(re.fullmatch(form, text) for text in texts)] == []


def test_no_golden_file_holds_a_text_that_the_contract_does_not_know():
    fixed = {(error.code, error.text) for error in vars(errors).values() if isinstance(error, ContractError)}
    optin = re.compile(r"Optin details not found for .+")

    unknown = [
        (code, text)
        for code, text in errors_in_files()
        if (code, text) not in fixed | {("", "")}
        and not (code is None and optin.fullmatch(text))
        and not (code == "8006" and any(re.fullmatch(form, text) for form in FORMS))
    ]

    assert unknown == []


def test_every_golden_directory_is_played():
    here = {"send", "consent", "management", "refusals", "replies", "webhooks", "upstream"}
    through_a_gateway = {"upstream", "inbound", "failures"}

    assert here | through_a_gateway == {path.name for path in golden.GOLDEN.iterdir()}


@pytest.mark.parametrize(
    "path", [case for case in cases("upstream") if "<" not in case.values[0].read_text(encoding="utf-8")]
)
def test_a_message_is_sent_upstream_as_its_file_says(path):
    """Files with ``<…>`` need ids, files or a template of a running gateway; ``tests/gateway`` plays all of them."""
    case = golden.load(path)
    recipient = {"recipient_whatsapp": "12025550143", "source": "417-220"}

    [draft] = golden.parse({"call": "send", "settings": {}, "request": {"message": [recipient | case["entry"]]}})

    request = OutboundRequest(
        recipient=draft.recipient, recipient_type=draft.recipient_type, content=draft.content, token="t"
    )
    frame = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+12025550143"}
    assert {**frame, **case["upstream"], "biz_opaque_callback_data": "t"} == orjson.loads(encode_message(request))


SECTION_7 = """
8001 Required parameter is missing
8002 Phone number is not opted in
8003 WhatsApp contact does not exist
8004 Client details not found
8005 Technical error occurred
8006 message_type can only be text/media/template/location.
8006 message_type cannot be null or blank
8006 source cannot be null or blank
8006 recipient_type cannot be null or blank
8006 recipient_type can only be individual
8006 recipient_whatsapp cannot be null or blank
8006 Invalid value in recipient_whatsapp parameter. Only numbers are allowed
8006 recipient_whatsapp cannot be less than 10 digits
8006 recipient_whatsapp cannot be greater than 15 digits
8006 message cannot contain more than 1000 entries
8006 Idempotency-Key was used with a different request
8007 Failed to send message because you are outside the support window for freeform messages to this user. \
Please use a valid template or reconsider
8008 Invalid Media id or bad media
8009 Invalid Template
8010 Invalid Template parameter
8011 Invalid Template language
8015 Platform Error
8006 Required parameter is missing
8006 type is required.
8006 type is invalid. type must be optin/optout.
8006 type is invalid. type must be blocklist/whitelist.
8006 recipients is required.
8006 source cannot be empty.
8006 source value cannot be greater than 25 characters.
8006 Invalid recipient. Only numeric values allowed.
8006 recipient value cannot be less than 10 digits.
8006 recipient value cannot be greater than 15 digits.
8005 Optin already found for provided mobilenumber
8005 Error occurred while updating optin for mobilenumber
8006 ip is invalid
8006 context is invalid
8006 ttl is invalid
8006 scheduled_at is invalid
8006 message cannot be null or blank
8006 type_text can contain only one entry
8006 attachment_type can only be image/video/audio/document/sticker.
"""
"""Every code with its text that the contract names (sections 2, 3 and 7), but for 8012, which is never raised."""


def test_every_code_and_text_that_the_contract_names_has_a_golden_file():
    named = {tuple(line.split(" ", 1)) for line in SECTION_7.strip().splitlines()}

    assert named - errors_in_files() == set()
    assert (None, "Optin details not found for 12025550143") in errors_in_files()


TOLERANCES = {
    "nulls of other types": "send/interactive_nulls_are_ignored",
    "nulls in upstream's shape": "send/interactive_upstream_nulls_are_dropped",
    "a null caption": "send/media_caption_null",
    "unknown members": "send/unknown_members_are_ignored",
    "a recipient as number": "send/recipient_as_number",
    "a recipient with plus": "send/recipient_with_plus",
    "a consent's recipient as number": "consent/check_number",
    "a consent's recipient with plus": "consent/check_with_plus",
    "a preview as text": "send/preview_text_true",
    "a preview as boolean": "send/preview_true",
    "no preview": "send/preview_off_null",
    "tracking as text": "send/link_tracking_text_1",
    "tracking as number": "send/link_tracking_number_1",
    "tracking as a word": "send/link_tracking_text_true",
    "tracking as boolean": "send/link_tracking_true",
    "a type in any case": "send/message_type_without_case",
    "no source, lenient": "send/source_absent_location_lenient",
    "a blank source, lenient": "send/source_blank_location_lenient",
    "any source, lenient": "send/source_arbitrary_lenient",
    "no source, text": "send/source_absent_text_strict",
    "caller data that is absent": "send/source_absent_text_strict",
    "empty caller data": "send/caller_data_empty",
    "caller data as number": "send/caller_data_number",
    "no attributes": "send/template_without_attributes",
    "attributes as numbers": "send/template_numbers_as_attributes",
    "no policy": "send/template_without_policy",
    "a media template without its member": "send/media_template_without_type_media_template",
    "a template with the other's member": "send/template_with_type_media_template",
    "a media id for a URL": "send/media_template_image_by_media_id",
    "an empty filename": "send/media_template_filename_empty",
    "a template in upstream's style": "send/template_upstream_style",
    "an interactive message in upstream's style": "send/interactive_upstream_style",
    "one object for the array": "send/entry_as_bare_object",
    "one object for an inner array": "send/media_bare_objects",
    "an array for the object": "send/media_template_as_array",
    "both id and URL": "send/media_id_wins_over_url",
    "a caption of #": "send/media_caption_hash_is_ordinary",
    "a caption that cannot be shown": "send/media_by_url_audio_drops_the_caption",
    "degrees as texts": "send/location_numeric_texts",
    "a header that shows nothing": "send/interactive_cta_url_url_header_is_dropped",
    "several contact cards": "send/contacts_several",
    "an empty context": "send/context_none_empty_object",
    "a null context": "send/context_none_null",
    "a numeric ttl as text": "send/ttl_days",
    "a schedule in the past": "send/scheduled_at_past_is_at_once",
    "a null recipient_type": "send/recipient_type_null",
    "an unknown number asked for": "consent/check_not_a_number",
    "an opt-out": "consent/optout",
}
"""What a server must live with (contract, section 10, and the readings about parsing), each with a file that shows it."""


def test_every_tolerance_has_a_golden_file():
    assert {what: name for what, name in TOLERANCES.items() if not (golden.GOLDEN / f"{name}.json").is_file()} == {}
