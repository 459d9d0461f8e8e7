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
    assert {"send", "consent", "management", "refusals", "replies", "webhooks"} == {
        path.name for path in golden.GOLDEN.iterdir()
    }
