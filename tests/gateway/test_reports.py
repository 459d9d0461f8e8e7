"""Figures, lists, exports and tracked links of a running gateway."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tests.gateway.test_templates import make_template, mirror_is_held

from waypost.store.accounts import change_account
from waypost.store.directory import bump_directory

PHONE = "12025550143"
OTHER = "12025550144"
BASE_URL = "https://links.example.org"
PRICES = '{"currency": "USD", "prices": {"service": {"1": "0.002", "*": "1"}, "marketing": "0.05", "utility": "0.004"}}'
COUNTED = ("accepted", "sent", "delivered", "read", "click", "failed", "incoming")


def span() -> str:
    """Return the days around now: the test may run over midnight."""
    today = datetime.now(UTC).date()
    return f"start_date={today - timedelta(days=1)}&end_date={today + timedelta(days=1)}"


def cta(house, *, link_track: str | None) -> dict:
    button = {"name": "shop_now", "parameters": {"display_text": "Look", "url": "https://shop.example.org/h?a=1&b=é"}}
    entry = house.entry(PHONE, message_type="interactive", type_interactive=[
        {"type": "cta_url", "body": "New helmets are in", "action": [{"buttons": [button]}]}
    ])  # fmt: skip
    return entry if link_track is None else entry | {"cta_link_track": link_track}


async def switch_links_on(house, account_id: str) -> None:
    def change(tx) -> None:
        change_account(tx, account_id, lambda one: replace(one, switches=replace(one.switches, linktrack=True)))
        bump_directory(tx)

    foundation = house.demo.gateway.foundation
    await foundation.database.write(change)
    await foundation.directory.refresh()


async def urls(house) -> list[str]:
    found = await house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages?direction=received")
    bodies = [message["message"].get("interactive") for message in found["messages"]]
    return [body["action"]["parameters"]["url"] for body in bodies if body]


async def open_link(house, url: str, *, method: str = "GET") -> aiohttp.ClientResponse:
    path = url.removeprefix(BASE_URL)
    async with house.http.request(method, house.base_url + path, allow_redirects=False) as answer:
        await answer.read()
        return answer


@pytest.mark.settings(links={"base_url": BASE_URL}, reports={"prices": PRICES})
async def test_what_happens_is_counted_listed_exported_and_priced(house):
    account = house.demo.account.account_id
    assert (await house.call("GET", "/settings"))[1]["data"] == {"linktrack": False, "skipoptin": False}
    await switch_links_on(house, account)
    assert (await house.call("GET", "/settings/"))[1]["data"] == {"linktrack": True, "skipoptin": False}
    await house.writes_first(PHONE, OTHER)
    tracked = await house.send(cta(house, link_track="1") | {"x-apiheader": "spring-4"})
    untracked = await house.send(cta(house, link_track=None))
    texts = await house.send(house.entry(PHONE), house.entry(OTHER), path="/api/v2/message/nc")
    await house.becomes("read", *tracked, *untracked, *texts)

    # The links: one of the gateway's own that leads back, and one left as it was.
    [link, plain] = await urls(house)
    assert link.startswith(f"{BASE_URL}/l/")
    assert plain == "https://shop.example.org/h?a=1&b=é"
    head = await open_link(house, link, method="HEAD")
    clicks = [await open_link(house, link) for _ in range(2)]
    assert [(answer.status, answer.headers["location"]) for answer in (head, *clicks)] == [
        (302, "https://shop.example.org/h?a=1&b=%C3%A9")
    ] * 3
    forged = [link[:-1] + ("A" if link[-1] != "A" else "B"), f"{BASE_URL}/l/https://evil.example.org", f"{BASE_URL}/l/"]
    assert [(await open_link(house, url)).status for url in forged] == [404] * 3
    assert (await open_link(house, link, method="POST")).status == 405

    # The figures, exact at once.
    _, stats = await house.call("GET", f"/stats?{span()}&granularity=month")
    assert list(stats["data"]["total"]) == list(COUNTED)
    assert stats["data"]["total"] == {
        "accepted": 4, "sent": 4, "delivered": 4, "read": 4, "click": 2, "failed": 0, "incoming": 2,
    }  # fmt: skip
    _, of_tag = await house.call("GET", f"//stats/?{span()}&tag=spring-4")
    assert (of_tag["data"]["total"]["read"], of_tag["data"]["total"]["click"]) == (1, 2)
    _, summary = await house.call("GET", f"/summary_stats?{span()}")
    data = summary["data"]
    assert (data["tags"], data["tags_complete"]) == ([{"tag": "spring-4", "count": 1}], True)
    reported = [await price_told(house, message_id) for message_id in (*tracked, *untracked, *texts)]
    assert sum(price["count"] for price in data["prices"]) == len(reported) == 4
    assert {(price["category"], price["type"]) for price in data["prices"]} == set(reported)
    assert data["cost"] == {"currency": "USD", "total": "0", "unpriced": 0}, "service messages are free in the window"

    # The list, page by page, and the export, which hold the same.
    listed, cursor = [], ""
    while cursor is not None:
        _, page = await house.call("GET", f"/messages?{span()}&limit=3&cursor={cursor}")
        listed += page["data"]["messages"]
        cursor = page["data"]["next_cursor"] or None
    assert [line["id"] for line in listed] == [*tracked, *untracked, *texts]
    assert (listed[0]["click"], listed[0]["x-apiheader"], listed[0]["status"]) == (2, "spring-4", "read")
    since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    until = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    _, export = await house.call("GET", f"/manage/v1/exports/events?from={since}&to={until}&format=csv")
    events = [line.split(",")[0] for line in export.decode().splitlines()[1:]]
    counts = {name: events.count(name) for name in ("accepted", "sent", "delivered", "read", "clicked", "inbound")}
    assert counts == {"accepted": 4, "sent": 4, "delivered": 4, "read": 4, "clicked": 1, "inbound": 2}


@pytest.mark.settings(links={"base_url": BASE_URL})
async def test_a_template_whose_button_leads_here_is_tracked_and_counted_under_its_name(house):
    await switch_links_on(house, house.demo.account.account_id)
    await house.writes_first(PHONE)
    button = {"type": "URL", "text": "Look", "url": f"{BASE_URL}/l/{{{{1}}}}", "example": [f"{BASE_URL}/l/abc"]}
    components = [{"type": "BODY", "text": "New helmets are in"}, {"type": "BUTTONS", "buttons": [button]}]
    await make_template(house, "helmets", *components)
    target = "https://shop.example.org/r/31"
    entry = house.entry(PHONE, message_type="media_template", cta_link_track=True,
        type_template=[{"name": "helmets", "language": {"locale": "en"}}],
        type_media_template={"type": "text", "button": [{"index": "0", "payload": target}]},
    )  # fmt: skip

    accepted = []

    async def is_known() -> bool:
        _, answer = await house.call("POST", "/api/v2/message/", json={"message": [entry]})
        if answer["status"] == "success":
            accepted.append(answer["data"]["id"])
        return bool(accepted)

    await mirror_is_held(house)
    await house.eventually(is_known)

    async def suffixes() -> list[str]:
        found = await house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages?direction=received")
        templates = [
            message["message"]["template"] for message in found["messages"] if message["message"].get("template")
        ]
        return [one["components"][0]["parameters"][0]["text"] for one in templates]

    async def has_come() -> bool:
        return len(await suffixes()) == 1

    await house.eventually(has_come)
    [token] = await suffixes()
    answer = await open_link(house, f"{BASE_URL}/l/{token}")
    assert (answer.status, answer.headers["location"]) == (302, target)
    _, summary = await house.call("GET", f"/summary_stats?{span()}&template=helmets")
    [(name, click)] = [(one["template_name"], one["click"]) for one in summary["data"]["templates"]]
    assert (name, click) == ("helmets", 1)
    assert set(await house.told(accepted[0])) <= {"sent", "delivered", "read"}, "a click is no status"


async def price_told(house, message_id: str) -> tuple[str, str]:
    """Return what the one look-up of all messages says of a message's price."""
    _, page = await house.call("GET", f"/messages?{span()}&limit=1000")
    [line] = [line for line in page["data"]["messages"] if line["id"] == message_id]
    return line["pricing"]["category"], line["pricing"]["type"]


async def test_wrong_questions_get_the_contracts_refusals_and_strangers_nothing(house):
    asked = {
        "end_date=2031-03-04": ("8001", "Required parameter is missing"),
        "start_date=&end_date=2031-03-04": ("8006", "start_date cannot be null or blank"),
        "start_date=yesterday&end_date=2031-03-04": ("8006", "start_date is invalid"),
        "start_date=2031-03-05&end_date=2031-03-04": ("8006", "end_date is invalid"),
        "start_date=2021-03-05&end_date=2031-03-04": ("8006", "end_date is invalid"),
        f"{span()}&granularity=hour": ("8006", "granularity can only be day/week/month."),
        f"{span()}&limit=0": ("8006", "limit is invalid"),
        f"{span()}&cursor=x": ("8006", "cursor is invalid"),
        f"{span()}&tag=%00": ("8006", "tag is invalid"),
    }
    for query, (code, text) in asked.items():
        status, answer = await house.call("GET", f"/summary_stats?{query}")
        assert (status, answer) == (200, {"status": "failure", "error": {"code": code, "message": text}}), query

    for path in ("/settings", "/stats", "/messages", "/summary_stats"):
        assert (await house.call("GET", path, key="nobody"))[0] == 403
        assert (await house.call("POST", path))[0] == 405
    # Without a URL for links there are none, and nothing answers there.
    assert (await house.call("GET", "/l/AAAA"))[0] == 404
