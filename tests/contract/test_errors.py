"""The table of errors is complete and keeps its promises."""

from waypost.contract.errors import ERRORS, remark_of
from waypost.contract.events import WebhookKind
from waypost.contract.times import TimestampForm
from waypost.domain.errors import FailureReason


def test_every_reason_has_a_code_and_a_text():
    assert set(FailureReason) == set(ERRORS)


def test_every_failure_of_a_message_has_a_remark_of_code_and_text():
    for reason in FailureReason:
        code, _, text = remark_of(reason).partition(" ")
        assert (ERRORS[reason].code, ERRORS[reason].text) == (code, text)


def test_times_are_dates_for_statuses_and_seconds_for_messages():
    assert WebhookKind.EVENT.default_timestamps is TimestampForm.DATE
    assert WebhookKind.INCOMING.default_timestamps is TimestampForm.UNIX
