"""Tracked links: nobody else makes one, and one leads only where its message says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.links import PLACE_OF_CTA, LinkTracker, target_of, web_target
from waypost.domain.message import Interactive, Template, TemplateButton, Text
from waypost.domain.template import ButtonKind, ButtonShape, TemplateShape

ID = "3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63"
BASE = "https://links.example.org"
LINKS = LinkTracker(base_url=BASE, key=b"k" * 32)
OURS = TemplateShape(
    buttons=(
        ButtonShape(kind=ButtonKind.QUICK_REPLY),
        ButtonShape(kind=ButtonKind.URL, is_dynamic=True, fixed_part=f"{BASE}/l/"),
        ButtonShape(kind=ButtonKind.URL, is_dynamic=True, fixed_part="https://shop.example.org/"),
    )
)
TEMPLATE = Template(
    name="spring",
    language="en",
    buttons=(
        TemplateButton(index=0, payload="https://shop.example.org/quick"),
        TemplateButton(index=1, payload="https://shop.example.org/r/31"),
        TemplateButton(index=2, payload="r/32"),
    ),
)


def cta(url: str) -> Interactive:
    parameters = {"display_text": "Look", "url": url}
    return Interactive(definition={"type": "cta_url", "body": {"text": "b"}, "action": {"parameters": parameters}})


@given(st.uuids(), st.integers(0, 255))
def test_a_token_reads_back_to_its_message_and_place(message_id, place):
    link = LINKS.link(str(message_id), place)

    found = LINKS.parse(link.removeprefix(f"{BASE}/l/"))

    assert (found.message_id, found.place) == (str(message_id), place)


@given(st.integers(0, 35), st.characters(categories=("Lu", "Ll", "Nd"), max_codepoint=127))
def test_a_token_changed_anywhere_is_nobodys(at, character):
    token = LINKS.link(ID, 1).rpartition("/")[2]
    changed = token[:at] + character + token[at + 1 :]

    assert (LINKS.parse(changed) is None) == (changed != token)
    assert LinkTracker(base_url=BASE, key=b"another").parse(token) is None


@pytest.mark.parametrize("token", ["", "a", "A" * 35, "A" * 37, "=" * 36, "é" * 36, "../../etc/passwd", "A" * 5000])
def test_what_is_no_token_is_nobodys(token):
    assert LINKS.parse(token) is None


def test_only_the_url_of_the_message_is_replaced_and_the_stored_content_stays():
    content = cta("https://shop.example.org/h")

    tracked = LINKS.track(content, ID, None)

    assert tracked.definition["action"]["parameters"] == {"display_text": "Look", "url": LINKS.link(ID, PLACE_OF_CTA)}
    assert content == cta("https://shop.example.org/h")
    assert target_of(content, PLACE_OF_CTA) == "https://shop.example.org/h"
    assert target_of(content, 0) is None
    assert LINKS.track(Text(body="https://shop.example.org"), ID, None) == Text(body="https://shop.example.org")


def test_of_a_template_only_buttons_that_lead_here_are_tracked():
    tracked = LINKS.track(TEMPLATE, ID, OURS)

    token = LINKS.link(ID, 1).rpartition("/")[2]
    assert [button.payload for button in tracked.buttons] == ["https://shop.example.org/quick", token, "r/32"]
    assert target_of(TEMPLATE, 1) == "https://shop.example.org/r/31"
    assert target_of(TEMPLATE, 9) is None
    assert LINKS.track(TEMPLATE, ID, None) is TEMPLATE


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example.org/h?a=1&b=%20#c", "https://shop.example.org/h?a=1&b=%20#c"),
        ("http://shop.example.org/é x", "http://shop.example.org/%C3%A9%20x"),
        ("https://shop.example.org/\r\nSet-Cookie: a=b", "https://shop.example.org/%0D%0ASet-Cookie:%20a=b"),
        ("javascript:alert(1)", None),
        ("//evil.example.org", None),
        ("https://", None),
        ("https://[", None),
        ("data:text/html,x", None),
        ("", None),
    ],
)
def test_a_link_leads_to_the_web_alone_and_cannot_break_a_header(url, target):
    assert web_target(url) == target
    if target is None:
        assert LINKS.track(cta(url), ID, None) == cta(url)
