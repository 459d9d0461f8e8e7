"""Answers and entries that no golden file has."""

import json

from waypost.contract.bulk_entries import template_entry
from waypost.contract.report_replies import settings_shown


def test_the_accounts_switches_are_told_by_their_names_of_the_contract():
    shown = json.loads(settings_shown(linktrack=True, skip_optin=False))

    assert shown["data"] == {"linktrack": True, "skipoptin": False}


def test_a_template_without_variables_takes_no_attributes():
    plain = template_entry("hours", language="en", columns=())
    filled = template_entry("repair_done", language="en", columns=("name", "bicycle"))

    assert plain["type_template"] == [{"name": "hours", "language": {"locale": "en"}}]
    assert filled["type_template"][0]["attributes"] == ["{{name}}", "{{bicycle}}"]
