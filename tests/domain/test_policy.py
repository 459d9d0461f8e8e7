"""May this message be sent? The questions and their order; consent, windows, addresses and kinds with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.address import AddressFault, digits_of, normalise_recipient
from waypost.domain.consent import (
    DEFAULT_STOP_WORDS,
    NO_CONSENT,
    Consent,
    ConsentState,
    is_stop_word,
    may_be_messaged,
)
from waypost.domain.conversation import is_window_open, window_end_us
from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.message import MessageKind, RecipientType
from waypost.domain.policy import PolicyFacts, judge

OPTED_IN = Consent(state=ConsentState.OPTED_IN)
GOOD = {"has_source": True, "has_groups": True, "consent": OPTED_IN, "window_closes_at_us": 10}
FAULTS = (
    ({"has_source": False}, FailureReason.UNKNOWN_SOURCE),
    ({"consent": NO_CONSENT}, FailureReason.NOT_OPTED_IN),
    ({"window_closes_at_us": None}, FailureReason.OUTSIDE_WINDOW),
    ({"is_media_known": False}, FailureReason.BAD_MEDIA),
)
"""In the order of the contract, section 2.4, steps 6 to 9."""


def judged(kind=MessageKind.TEXT, recipient_type=RecipientType.INDIVIDUAL, margin_seconds=0, **facts):
    return judge(
        PolicyFacts(**{**GOOD, **facts}),
        kind=kind,
        recipient_type=recipient_type,
        now_us=5,
        window_margin_seconds=margin_seconds,
    )


def test_a_message_without_a_fault_may_be_sent():
    assert judged() is None


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_of_several_faults_the_first_in_the_contract_s_order_is_named(first):
    facts = {}
    for fault, _ in FAULTS[first:]:
        facts |= fault

    assert FAULTS[first][1] is judged(**facts)


def test_templates_need_no_window():
    assert judged(kind=MessageKind.TEMPLATE, window_closes_at_us=None) is None


def test_a_group_needs_a_provider_with_groups_but_no_consent():
    assert judged(recipient_type=RecipientType.GROUP, consent=NO_CONSENT) is None
    assert judged(recipient_type=RecipientType.GROUP, has_groups=False) is FailureReason.GROUPS_UNSUPPORTED


def test_a_window_that_closes_within_the_margin_counts_as_closed():
    assert judged(margin_seconds=1) is FailureReason.OUTSIDE_WINDOW


@pytest.mark.parametrize(
    ("consent", "skip_optin", "implicit_optin", "may"),
    [
        (OPTED_IN, False, True, True),
        (NO_CONSENT, False, True, False),
        (NO_CONSENT, True, True, True),
        (Consent(state=ConsentState.OPTED_OUT), False, True, False),
        (Consent(state=ConsentState.OPTED_IN, is_implied=True), False, True, True),
        (Consent(state=ConsentState.OPTED_IN, is_implied=True), False, False, False),
        (Consent(state=ConsentState.OPTED_IN, is_blocklisted=True), True, True, False),
    ],
)
def test_consent(consent, skip_optin, implicit_optin, may):
    assert may is may_be_messaged(consent, skip_optin=skip_optin, implicit_optin=implicit_optin)


@pytest.mark.parametrize("text", ["STOP", " stop\n", "Opt  Out", "cancel"])
def test_stop_words_are_found_trimmed_and_without_case(text):
    assert is_stop_word(text, DEFAULT_STOP_WORDS)


@pytest.mark.parametrize("text", ["", "please stop", "stopp"])
def test_a_stop_word_must_be_the_whole_text(text):
    assert not is_stop_word(text, DEFAULT_STOP_WORDS)


def test_a_message_opens_a_day_and_one_from_an_ad_three():
    assert window_end_us(inbound_at_us=7, has_referral=False) == 7 + 86_400_000_000
    assert window_end_us(inbound_at_us=7, has_referral=True) == 7 + 3 * 86_400_000_000


def test_a_window_is_open_until_the_microsecond_it_closes():
    assert is_window_open(MessageKind.TEXT, closes_at_us=10, now_us=9)
    assert not is_window_open(MessageKind.TEXT, closes_at_us=10, now_us=10)


def test_only_the_template_kinds_are_not_free_form():
    assert {MessageKind.TEMPLATE, MessageKind.MEDIA_TEMPLATE} == {kind for kind in MessageKind if not kind.is_free_form}


@given(st.text("+0123456789 x", max_size=20) | st.from_regex(r"\+?[0-9]{8,17}", fullmatch=True))
def test_a_normalised_recipient_is_10_to_15_digits_and_stays_as_it_is(text):
    recipient = normalise_recipient(text)

    if isinstance(recipient, str):
        assert recipient.isdigit()
        assert 10 <= len(recipient) <= 15
        assert recipient == normalise_recipient(recipient)
        assert text.removeprefix("+") == recipient


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", AddressFault.NOT_NUMERIC),
        ("12025\N{ARABIC-INDIC DIGIT FIVE}50143", AddressFault.NOT_NUMERIC),
        ("+120255501", AddressFault.TOO_SHORT),
        ("1202555014300000", AddressFault.TOO_LONG),
    ],
)
def test_what_is_no_recipient_says_why(text, fault):
    assert fault is normalise_recipient(text)


def test_the_digits_of_a_written_number_are_all_that_is_kept_of_it():
    assert digits_of("+1 (202) 555-0199") == "12025550199"


def test_kinds_that_only_change_earlier_messages_are_not_told():
    assert {InboundKind.SYSTEM, InboundKind.EDIT, InboundKind.REVOKE} == {
        kind for kind in InboundKind if not kind.is_told
    }


def test_five_inbound_kinds_bring_a_file():
    assert {"image", "video", "audio", "document", "sticker"} == {kind for kind in InboundKind if kind.has_media}


def test_a_person_without_a_number_is_known_by_the_provider_s_id():
    inbound = InboundMessage(
        provider_id="wamid.SAMPLE01",
        from_number=None,
        from_user_id="US.1",
        to_number="12025550199",
        profile_name="",
        occurred_at_us=0,
        kind=InboundKind.TEXT,
        payload={"body": "x"},
    )

    assert inbound.sender == "US.1"
