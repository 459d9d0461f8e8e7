"""Each end of a POST is read as reliability 2.6 says: accepted, certainly refused, or in doubt."""

import json
from email.utils import formatdate

import pytest

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind, ThrottleScope
from waypost.outbound.http import EndKind, HttpAnswer, OutboundError
from waypost.ports import Accepted
from waypost.providers.cloud_api.ends import read_broken_end, read_failure, read_send_end
from waypost.providers.cloud_api.errors import MEANINGS, clean_detail, read_error

NOW_US = 1_790_000_000 * 1_000_000
PAGE = b"<html><h1>Bad gateway</h1></html>"

ACCEPTED = {"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}


def read(status, body=b"", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_send_end(HttpAnswer(status, headers, raw), now_us=NOW_US)


def graph_error(code, **more):
    return {"error": {"message": f"(#{code}) Title", "type": "OAuthException", "code": code, **more}}


@pytest.mark.parametrize("status", [200, 201, 202])
def test_2xx_with_an_id_is_accepted(status):
    assert read(status, ACCEPTED) == Accepted("wamid.1", status)


@pytest.mark.parametrize(
    "body",
    [
        b"", PAGE, b"[]", b"{}", b"null", {"messages": []}, {"messages": {}}, {"messages": [{}]},
        {"messages": [{"id": ""}]}, {"messages": [{"id": 7}]}, {"messages": [{"id": "a\x00b"}]},
        {"messages": [{"id": "w" * 513}]}, {"messages": [None]}, graph_error(131000),
    ],
)  # fmt: skip
def test_2xx_without_a_readable_id_is_in_doubt(body):
    assert read(200, body).kind is SendFailureKind.IN_DOUBT


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308])
def test_a_redirect_is_a_misconfiguration(status):
    assert read(status, b"", location="https://elsewhere.example/").kind is SendFailureKind.MISCONFIGURED


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 529])
@pytest.mark.parametrize("body", [b"", PAGE, b"{}", {"error": "down"}, {"error": {"message": "no code"}}])
def test_5xx_without_the_providers_error_is_in_doubt(status, body):
    assert read(status, body).kind is SendFailureKind.IN_DOUBT


@pytest.mark.parametrize("status", [400, 408, 409, 413, 414, 421, 425, 431, 499])
def test_4xx_of_a_stranger_that_may_have_passed_the_request_on_is_in_doubt(status):
    assert read(status, PAGE).kind is SendFailureKind.IN_DOUBT


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407])
def test_4xx_of_a_stranger_that_bars_the_way_is_a_misconfiguration(status):
    assert read(status, PAGE).kind is SendFailureKind.MISCONFIGURED


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 131057, 133004, 999999, 100])
def test_5xx_with_the_providers_error_is_a_soft_refusal(status, code):
    failure = read(status, graph_error(code))

    assert failure.kind is SendFailureKind.TRANSIENT
    assert failure.http_status == status


def test_a_soft_refusal_waits_longer_if_asked_to():
    assert read(503, graph_error(2), **{"retry-after": "90"}).retry_after_seconds == 90.0


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (400, 131047, SendFailureKind.REJECTED, FailureReason.OUTSIDE_WINDOW),
        (400, 131026, SendFailureKind.REJECTED, FailureReason.CONTACT_DOES_NOT_EXIST),
        (400, 131050, SendFailureKind.REJECTED, FailureReason.NOT_OPTED_IN),
        (400, 131051, SendFailureKind.REJECTED, FailureReason.BAD_MEDIA),
        (400, 131052, SendFailureKind.REJECTED, FailureReason.BAD_MEDIA),
        (400, 131053, SendFailureKind.REJECTED, FailureReason.BAD_MEDIA),
        (404, 132001, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE),
        (400, 132015, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE),
        (400, 132016, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE),
        (400, 132000, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE_PARAMETER),
        (400, 132005, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE_PARAMETER),
        (400, 132012, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE_PARAMETER),
        (400, 132018, SendFailureKind.REJECTED, FailureReason.INVALID_TEMPLATE_PARAMETER),
        (400, 100, SendFailureKind.REJECTED, FailureReason.PLATFORM_ERROR),
        (400, 131049, SendFailureKind.REJECTED, FailureReason.PLATFORM_ERROR),
        (400, 777777, SendFailureKind.REJECTED, FailureReason.PLATFORM_ERROR),
        (401, 190, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (403, 10, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (403, 200, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (403, 299, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (403, 131031, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (400, 131042, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (400, 133010, SendFailureKind.MISCONFIGURED, FailureReason.UNKNOWN_SOURCE),
        (401, 0, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (403, 131005, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (403, 368, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (400, 131037, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (500, 131045, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (400, 33, SendFailureKind.MISCONFIGURED, FailureReason.PLATFORM_ERROR),
        (400, 1, SendFailureKind.TRANSIENT, FailureReason.TECHNICAL_ERROR),
        (400, 80007, SendFailureKind.THROTTLED, FailureReason.TECHNICAL_ERROR),
    ],
)
def test_a_code_has_its_kind_and_reason(status, code, kind, reason):
    failure = read(status, graph_error(code))

    assert (failure.kind, failure.reason, failure.provider_code, failure.http_status) == (kind, reason, code, status)


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        (4, ThrottleScope.SOURCE),
        (80007, ThrottleScope.SOURCE),
        (130429, ThrottleScope.SOURCE),
        (131048, ThrottleScope.SOURCE),
        (131056, ThrottleScope.PAIR),
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_throttling_names_the_scope_that_falls_silent(status, code, scope):
    failure = read(status, graph_error(code))

    assert (failure.kind, failure.scope) == (SendFailureKind.THROTTLED, scope)


@pytest.mark.parametrize("body", [PAGE, b"", graph_error(777777), graph_error(131009)])
def test_429_is_throttling_whoever_sends_it(body):
    failure = read(429, body)

    assert (failure.kind, failure.scope) == (SendFailureKind.THROTTLED, ThrottleScope.SOURCE)


def test_an_unknown_code_that_calls_itself_transient_is_tried_again():
    assert read(400, graph_error(777777, is_transient=True)).kind is SendFailureKind.TRANSIENT


def test_a_number_that_does_not_exist_is_a_misconfiguration_and_not_the_messages_fault():
    assert read(400, graph_error(100, error_subcode=33)).kind is SendFailureKind.MISCONFIGURED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12.0),
        ("9999999999", 86_400.0),
        (formatdate(1_790_000_060, usegmt=True), 60.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_bounded_or_ignored(text, seconds):
    assert read(429, b"", **{"retry-after": text}).retry_after_seconds == seconds


@pytest.mark.parametrize("kind", list(EndKind))
def test_an_end_before_the_first_byte_is_tried_again_and_any_later_one_is_in_doubt(kind):
    before = read_broken_end(OutboundError(kind, request_started=False, detail="no"))
    after = read_broken_end(OutboundError(kind, request_started=True, detail="no"))

    assert before.kind is SendFailureKind.TRANSIENT
    assert after.kind is SendFailureKind.IN_DOUBT


def test_a_2xx_that_is_no_answer_to_a_look_up_is_a_failure_too():
    failure = read_failure(HttpAnswer(200, {}, PAGE), now_us=NOW_US)

    assert isinstance(failure, SendFailure)


def test_the_detail_holds_no_numbers_and_is_bounded():
    error = read_error(
        {
            "code": 131030,
            "message": "(#131030) Recipient 12025550143 not allowed\x00\n",
            "error_data": {"details": "x" * 2000},
        }
    )

    assert error.detail.startswith("(#131030) Recipient … not allowed")
    assert len(error.detail) <= 300
    assert "\x00" not in error.detail


@pytest.mark.parametrize(
    "error",
    [None, "text", [], {}, {"code": None}, {"code": "x"}, {"code": -1}, {"code": 2**31}, {"code": 1.5}, {"code": True}],
)
def test_what_names_no_code_is_no_error_of_the_provider(error):
    assert read_error(error) is None


def test_a_code_may_come_as_text_and_error_data_in_any_shape():
    error = read_error({"code": "190", "title": "Token", "error_data": "odd", "error_subcode": "463"})

    assert (error.code, error.subcode, error.detail) == (190, 463, "Token")


def test_the_table_gives_a_scope_to_throttling_and_to_nothing_else():
    for code, meaning in MEANINGS.items():
        assert (meaning.scope is not None) == (meaning.kind is SendFailureKind.THROTTLED), code


def test_clean_detail_keeps_codes():
    assert clean_detail("(#131026) to +1202555014399") == "(#131026) to …"
