"""The sandbox's page: faults switched by operators, what reached it, and what is said when it is away."""

import json
import re
from typing import Any

import pytest
from tests.console.conftest import Office
from tests.console.test_users import audited

from waypost.outbound.http import EndKind, HttpAnswer, OutboundError
from waypost.sandbox.faults import KINDS
from waypost.web.console.sandbox_client import ANSWER_BYTES_MAX, TIMEOUTS, SandboxAwayError, SandboxClient
from waypost.web.console.sandbox_faults import FAULT_KINDS, rule_of
from waypost.web.manage.problems import Problem

PHONE = "12025550161"


async def test_every_fault_of_the_sandbox_is_a_switch_with_all_its_parameters(office: Office) -> None:
    page = await (await office.visitor("operator")).get("/console/sandbox")

    assert {kind.kind: {one.name for one in kind.parameters} for kind in FAULT_KINDS} == {
        kind: set(parameters) for kind, (_, parameters) in KINDS.items()
    }
    for kind in FAULT_KINDS:
        for parameter in kind.parameters:
            assert f'id="{kind.kind}-{parameter.name}"' in page.text, (kind.kind, parameter.name)
    assert len(KINDS) == page.text.count('role="switch" aria-checked="false"')


async def test_what_a_form_proposes_is_a_rule_that_the_sandbox_takes(office: Office) -> None:
    for kind in FAULT_KINDS:
        rule = rule_of(kind, {one.name: one.default for one in kind.parameters} | {"count": "1", "share": "0"})
        assert await office.house.sandbox("POST", "/sandbox/faults", json=rule), kind.kind
    await office.house.sandbox("DELETE", "/sandbox/faults")


async def test_an_operator_switches_a_fault_on_and_off_and_the_audit_log_tells(office: Office) -> None:
    operator, house = await office.visitor("operator"), office.house

    on = await operator.post(
        "/console/sandbox/faults", kind="slow", seconds="0.5", count="3", share="50", number=PHONE, target="all"
    )
    (rule,) = (await house.sandbox("GET", "/sandbox/faults"))["faults"]
    shown = await operator.get("/console/sandbox")
    off = await operator.post("/console/sandbox/faults/off", kind="slow")
    again = await operator.post("/console/sandbox/faults/off", kind="slow", follows=True)

    assert (303, 303) == (on.status, off.status)
    wanted = {"kind": "slow", "seconds": 0.5, "count": 3, "share": 0.5, "number": PHONE, "target": "all"}
    assert wanted.items() <= rule.items()
    assert 1 == shown.text.count('role="switch" aria-checked="true"')
    assert "Slow answers seconds 0.5, at every call, 50 % of them for 1202•••••61 · hit 0 of 3" in shown.words
    assert [] == (await house.sandbox("GET", "/sandbox/faults"))["faults"]
    assert "Nothing was on." in again.words
    audit = await audited(office)
    assert ("user:operator", "sandbox.fault_on", f"slow {rule['id']}") in audit
    assert ("user:operator", "sandbox.fault_off", "slow") in audit


async def test_wrong_parameters_are_refused_in_words(office: Office) -> None:
    operator = await office.visitor("operator")
    cases = (
        ({"kind": "slow", "seconds": ""}, "seconds: is missing"),
        ({"kind": "slow", "seconds": "soon"}, "seconds: is no number"),
        ({"kind": "http_5xx", "status": "200"}, "status has a value it cannot have"),
        ({"kind": "slow", "seconds": "1", "count": "-1"}, "how often: is no whole number"),
        ({"kind": "flood"}, "kind: is no fault of the sandbox"),
    )
    for fields, words in cases:
        answer = await operator.post("/console/sandbox/faults", **fields)

        assert (422, True) == (answer.status, words in answer.words), answer.words


async def test_a_viewer_looks_and_switches_nothing(office: Office) -> None:
    viewer = await office.visitor("viewer")

    page = await viewer.get("/console/sandbox")

    assert 200 == page.status
    assert len(KINDS) == len(re.findall(r'role="switch"[^>]*disabled', page.text))
    for path in ("/console/sandbox/faults", "/console/sandbox/faults/off"):
        assert 403 == (await viewer.post(path, kind="hang")).status


async def test_the_ledger_shows_what_arrived_masked_and_leads_to_the_messages(office: Office) -> None:
    house, viewer = office.house, await office.visitor("viewer")
    numbers = (PHONE, "12025550261", "12025550361")
    await house.writes_first(*numbers)
    ids = [(await house.send(house.entry(numbers[place % 3])))[0] for place in range(22)]
    await house.becomes("read", *ids)

    first = await viewer.get("/console/sandbox/ledger")
    further = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert further is not None
    second = await viewer.get(further[1].replace("&amp;", "&"))
    saved = json.loads((await viewer.get("/console/sandbox?table=ledger&export=json")).text)
    phones = await viewer.get("/console/sandbox?table=phones&export=csv")

    assert 20 == first.text.count("<tr>") - 1
    assert all(f"/console/messages/{one}" in first.text + second.text for one in ids)
    assert [22 - place for place in range(22)] == [row["sequence"] for row in saved]
    assert {("1202•••••61", "accepted", "read")} == {(row["to"], row["outcome"], row["status"]) for row in saved}
    for answer in (first, second, phones):
        assert not [number for number in numbers if number in answer.text]
    assert "wamid." not in first.text


async def test_the_page_has_the_ways_to_handset_and_inspector(office: Office) -> None:
    page = await (await office.visitor("viewer")).get("/console/sandbox")

    for path in ("/sandbox/handset/", "/inspector/"):
        assert f'href="{office.house.sandbox_url}{path}"' in page.text


async def test_an_account_that_sends_nothing_there_has_no_sandbox(office: Office) -> None:
    stranger = await office.visitor("stranger")

    page = await stranger.get("/console/sandbox")
    switched = await stranger.post("/console/sandbox/faults", kind="hang")

    assert (404, 404) == (page.status, switched.status)
    assert "No source of this account sends to the sandbox." in page.words


class Upstream:
    """Answers every call alike, and keeps how it was asked."""

    def __init__(self, end: HttpAnswer | OutboundError) -> None:
        self._end = end
        self.asked: list[dict[str, Any]] = []

    async def request(self, _method: str, url: str, **asked: Any) -> HttpAnswer:
        self.asked.append({"url": url, **asked})
        if isinstance(self._end, OutboundError):
            raise self._end
        return self._end


async def test_a_sandbox_that_is_away_is_told_in_words_and_not_waited_for(office: Office) -> None:
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")
    sandbox = next(service for service in office.house.demo.services if service.name == "sandbox")
    await sandbox.stop()

    page = await viewer.get("/console/sandbox")
    switched = await operator.post("/console/sandbox/faults", kind="hang")

    assert 200 == page.status
    assert f"The sandbox at {office.house.sandbox_url} does not answer (connect)." in page.words
    assert 'role="switch"' not in page.text
    assert 502 == switched.status
    assert "Start it (waypost demo or waypost sandbox) or correct WAYPOST_SANDBOX_URL" in switched.words


async def test_calls_are_bounded_and_what_is_no_sandbox_is_called_so() -> None:
    base_url = "http://127.0.0.1:1"
    ends = (
        (OutboundError(EndKind.TIMEOUT, request_started=True, detail=""), "does not answer (timeout)"),
        (OutboundError(EndKind.BODY_TOO_LARGE, request_started=True, detail=""), "does not answer (body_too_large)"),
        (HttpAnswer(200, {}, b"<html>"), "is no sandbox"),
        (HttpAnswer(200, {}, b"[]"), "is no sandbox"),
        (HttpAnswer(500, {}, b"{}"), "answers 500"),
    )
    for end, words in ends:
        upstream = Upstream(end)
        with pytest.raises(SandboxAwayError) as away:
            await SandboxClient(upstream, base_url).status()
        assert words in str(away.value)
        assert (TIMEOUTS, ANSWER_BYTES_MAX) == (upstream.asked[0]["timeouts"], upstream.asked[0]["body_bytes_max"])
    refusal = HttpAnswer(400, {}, b'{"error":"x","message":"No.","hint":"Ask."}')
    with pytest.raises(Problem) as refused:
        await SandboxClient(Upstream(refusal), base_url).faults()
    assert ("sandbox: No.", "Ask.") == (refused.value.detail, refused.value.hint)
