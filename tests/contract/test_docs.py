"""The pages about the contract say what the code does."""

import re
from pathlib import Path

import pytest

from waypost.contract import errors
from waypost.contract.errors import ERRORS, ContractError
from waypost.contract.events import WebhookKind, render_body
from waypost.contract.requests import parse_send_request
from waypost.domain.message import MediaKind
from waypost.domain.policy import SourcePolicy
from waypost.media.sniff import KIND_BYTES_MAX

DOCS = Path(__file__).parents[2] / "docs"
ERRORS_PAGE = (DOCS / "errors.md").read_text(encoding="utf-8")
CONTRACT_PAGE = (DOCS / "contract.md").read_text(encoding="utf-8")

FIXED = {error for error in vars(errors).values() if isinstance(error, ContractError)}


def rows():
    return re.findall(r"^\| (\d+|none) \| `([^`]+)` \| (?:now|late|both|never) \| (\d+) \|", ERRORS_PAGE, re.MULTILINE)


def test_the_page_of_errors_has_exactly_the_texts_of_the_code():
    documented = {(code, text, int(status)) for code, text, status in rows() if "<" not in text}

    assert {(error.code, error.text, error.http_status) for error in FIXED} == documented


def test_the_page_of_errors_has_the_code_less_answer():
    answer = errors.optin_not_found("<phone>")

    assert ("none", answer.text, str(answer.http_status)) in rows()


def test_the_page_of_errors_has_the_form_of_every_text_made_of_a_name():
    forms = (
        errors.cannot_be_blank("<member>"),
        errors.is_invalid("<member>"),
        errors.can_only_be("<member>", ("<a>", "<b>", "<c>")),
        errors.too_many_characters("<member>", 7),
        errors.too_many_entries("<member>", 7),
        errors.only_one_entry("<member>"),
    )

    assert [form for form in forms if f"`{form.text.replace('7', '<n>')}`" not in ERRORS_PAGE] == []


def test_the_page_of_errors_gives_the_code_of_every_reason():
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| (\d+) \|$", ERRORS_PAGE, re.MULTILINE))

    assert {reason.value: error.code for reason, error in ERRORS.items()} == documented


@pytest.mark.parametrize(
    "request_text", re.findall(r"^```json request\n(.+?)\n```$", CONTRACT_PAGE, re.MULTILINE | re.DOTALL)
)
def test_every_request_on_the_page_of_the_contract_is_accepted(request_text):
    drafts = parse_send_request(request_text.encode(), source_policy=SourcePolicy.STRICT, now_us=0)

    assert isinstance(drafts, list)


def test_the_page_of_the_contract_has_the_largest_file_of_each_kind_in_the_unit_it_names():
    [unit] = re.findall(r"^An MB is ([\d,]+) bytes here,", CONTRACT_PAGE, re.MULTILINE)
    rows = re.findall(r"^\| (image|audio|video|document) \| [^|]+ \| (\d+) MB \|$", CONTRACT_PAGE, re.MULTILINE)
    documented = {MediaKind(kind): int(size) * int(unit.replace(",", "")) for kind, size in rows}

    assert {kind: size for kind, size in KIND_BYTES_MAX.items() if kind is not MediaKind.STICKER} == documented


def test_the_page_of_the_contract_shows_every_type():
    shown = set(
        re.findall(
            r'"message_type":"([a-z_]+)"',
            "".join(re.findall(r"^```json request\n(.+?)\n```$", CONTRACT_PAGE, re.MULTILINE)),
        )
    )

    assert shown == {"text", "media", "location", "template", "media_template", "interactive", "contacts", "reaction"}


def test_the_body_of_each_kind_of_webhook_has_the_member_that_the_page_of_events_names():
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(incoming|event|notice)` \| `(\{\"\w+\":\[)…\]\}` \|", page, re.MULTILINE))

    assert {kind.value: render_body(kind, []).decode().removesuffix("]}") for kind in WebhookKind} == documented
