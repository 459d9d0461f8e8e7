"""The overview: the same figures as the reports, and what a newcomer is told to do."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest_asyncio
from tests.console.conftest import Answer, Office
from tests.gateway.conftest import House

PHONES = ("12025550161", "12025550162", "12025550163")
FAILING = "12025550163"


def chart(answer: Answer, name: str) -> dict[str, Any]:
    """Return what a plot of the page is drawn from."""
    found = re.search(rf'id="chart-{name}".*?data-chart="([^"]*)"', answer.text, re.DOTALL)
    assert found is not None, answer.words
    return json.loads(unescape(found[1]))


def series(found: dict[str, Any]) -> dict[str, list[Any]]:
    return {one["name"]: one["values"] for one in found["series"]}


async def traffic(house: House) -> None:
    """Let three phones write, and send to each: two messages are read, one fails for good."""
    await house.writes_first(*PHONES)
    await house.fault("graph_error", code=130472, count=1, number=FAILING)
    for phone in PHONES:
        (message_id,) = await house.send(house.entry(phone))
        await house.becomes("failed" if phone == FAILING else "read", message_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(office: Office) -> Office:
    """The office with traffic, once: tests of a module may run in several processes, and rest on nothing else."""
    await traffic(office.house)
    return office


async def test_a_fresh_installation_is_told_its_first_steps(office: Office) -> None:
    viewer, operator = await office.visitor("viewer"), await office.visitor("operator")

    page, operators = await viewer.get("/console/"), await operator.get("/console/")
    stranger = await (await office.visitor("stranger")).get("/console/")

    assert "Nothing has been sent yet" in page.words
    assert f"{office.house.sandbox_url}/sandbox/handset/" in page.text
    assert 'href="/console/compose"' in operators.text
    assert "takes the role operator" in page.words
    assert "To the sources" in stranger.words


async def test_plots_show_the_figures_of_the_reports(busy: Office) -> None:
    house, viewer = busy.house, await busy.visitor("viewer")
    today = datetime.now(UTC).date()
    first = today - timedelta(days=29)

    page = await viewer.get("/console/?range=30d")
    days = f"start_date={first}&end_date={datetime.now(UTC).date()}"
    _, stats = await house.call("GET", f"/stats?{days}")
    _, summary = await house.call("GET", f"/summary_stats?{days}")
    hours = await viewer.get(f"/console/?range=custom&from={today - timedelta(days=1)}&to={datetime.now(UTC).date()}")

    assert "Nothing has been sent yet" not in page.words
    by_day = stats["data"]["stats"]
    statuses = series(chart(page, "statuses"))
    for name in ("accepted", "sent", "delivered", "read", "failed"):
        assert [day[name] for day in by_day] == statuses[name.title()], name
        assert stats["data"]["total"][name] == sum(series(chart(hours, "statuses"))[name.title()]), name
    assert [day["incoming"] for day in by_day] == series(chart(page, "inbound"))["Incoming"]
    midnights = [int(datetime.fromisoformat(f"{day['date']}T00:00+00:00").timestamp()) for day in by_day]
    assert midnights == chart(page, "statuses")["x"]
    assert {"accepted": 3, "sent": 2, "read": 2, "failed": 1}.items() <= stats["data"]["total"].items()
    saved = await viewer.get("/console/?range=30d&table=failures&export=json")
    assert sum(one["count"] for one in summary["data"]["failures"]) == sum(
        row["number"] for row in json.loads(saved.text)
    )


async def test_failures_are_explained_and_lead_to_their_messages(busy: Office) -> None:
    viewer = await busy.visitor("viewer")

    page = await viewer.get("/console/")
    found = re.search(r'<a href="(/console/messages\?failure=[^"]+)">platform error</a>', page.text)
    assert found is not None, page.words
    listed = await viewer.get(unescape(found[1]))

    assert "WhatsApp refused it for a reason that has no code of its own in the API." in page.words
    assert 200 == listed.status
    assert 1 == listed.words.count("platform error (130472)")


async def test_latencies_queues_throughput_and_webhooks_are_told(busy: Office) -> None:
    viewer = await busy.visitor("viewer")

    tables = {
        name: json.loads((await viewer.get(f"/console/?table={name}&export=json")).text)
        for name in ("latencies", "queues", "sending", "webhooks")
    }

    assert ["Accepted to sent", "Sent to delivered", "Delivered to read"] == [
        row["step"] for row in tables["latencies"]
    ]
    assert [2, 2, 2] == [row["number"] for row in tables["latencies"]]
    assert [(0, 0, "active")] == [(row["queued"], row["waiting"], row["state"]) for row in tables["queues"]]
    assert [4320] == [row["limit"] for row in tables["sending"]]
    assert [("inspector", "active", 0)] == [(row["name"], row["state"], row["dead"]) for row in tables["webhooks"]]
    page = await viewer.get("/console/")
    assert 60 == len(chart(page, "sending")["x"])


async def test_the_figures_are_fetched_anew_only_if_they_changed(busy: Office) -> None:
    viewer = await busy.visitor("viewer")
    path = "/console/overview/part?range=30d"
    seen: dict[str, Answer] = {}

    async def stays_as_it_is() -> bool:
        """Once the webhooks of what came before are through, nothing changes any more."""
        seen["first"] = await viewer.get(path)
        return (await viewer.get(path, **{"X-Fragment": version_of(seen["first"])})).status == 204

    await busy.house.writes_first("12025550164")
    await busy.house.eventually(stays_as_it_is)
    await busy.house.writes_first("12025550165")
    changed = await viewer.get(path, **{"X-Fragment": version_of(seen["first"])})

    before, after = (sum(series(chart(answer, "inbound"))["Incoming"]) for answer in (seen["first"], changed))
    assert (200, before + 1) == (changed.status, after)


def version_of(answer: Answer) -> str:
    found = re.search(r'data-version="([0-9a-f]+)"', answer.text)
    assert found is not None
    return found[1]


async def test_a_source_is_chosen_and_anothers_is_unknown(busy: Office) -> None:
    viewer, stranger = await busy.visitor("viewer"), await busy.visitor("stranger")
    path = f"/console/?range=30d&source={busy.house.source_id}"
    before = await viewer.get(path)
    await busy.house.send(busy.house.entry(PHONES[0]))

    own = await viewer.get(path)
    foreign = await stranger.get(path)
    nothing = await stranger.get("/console/?range=30d")

    assert 1 + sum(series(chart(before, "statuses"))["Accepted"]) == sum(series(chart(own, "statuses"))["Accepted"])
    assert (404, True) == (foreign.status, "There is no source with this id." in foreign.words)
    assert "data-chart" not in nothing.text
    assert "Connect one on the page Sources." in nothing.words


async def test_a_range_that_is_none_is_refused_beside_the_form(busy: Office) -> None:
    viewer = await busy.visitor("viewer")

    swapped = await viewer.get("/console/?range=custom&from=2031-03-05&to=2031-03-04")
    unknown = await viewer.get("/console/?range=year")

    assert (422, 422) == (swapped.status, unknown.status)
    assert "from and to: are no two days in this order, at most 1,100 days" in swapped.words
    assert "range: is none of 1h, 24h, 7d, 30d, custom" in unknown.words
    assert "Other days" in unknown.words
