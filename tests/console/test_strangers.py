"""Who asks for another account's things, and who asks for nonsense; generated from the table of routes."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from tests.console.conftest import Answer, Office, Visitor
from tests.console.test_bulk import upload_bulk
from tests.console.test_media import uploaded
from tests.console.test_template_pages import templates
from yarl import URL

from waypost.store.inspecting_webhooks import list_of_subject
from waypost.store.inspection import list_inbound
from waypost.store.statements import Sql
from waypost.store.users import find_user_named
from waypost.web.console.app import console_routes
from waypost.web.console.routing import ConsoleRoute
from waypost.web.console.visit import Visit, new_once

PHONE = "12025550651"
STREAMS = {"/live"}
TABLES = {
    name: Sql(f"SELECT * FROM {name} WHERE account_id = :account_id")
    for name in (
        "api_keys",
        "audit_log",
        "bulk_sends",
        "bulk_rows",
        "consents",
        "media_assets",
        "messages",
        "notifications",
        "sources",
        "templates",
        "webhook_endpoints",
    )
} | {
    "accounts": Sql("SELECT * FROM accounts WHERE id = :account_id"),
    "console_users": Sql("SELECT * FROM console_users WHERE :account_id <> ''"),
}
"""What a stranger's request could change; the demo's part of them stands still while nobody writes."""
A_KEY = Sql("SELECT id FROM api_keys WHERE account_id = :account_id")
FORM = {
    "action": "optout",
    "at": (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M"),
    "burst": "1",
    "category": "UTILITY",
    "content": "hello",
    "emoji": "🎉",
    "kinds": "event",
    "max_batch": "1",
    "name": "taken",
    "rate_per_second": "1",
    "role": "viewer",
    "source": "WEB",
    "span": "1h",
    "timestamps": "unix",
    "type": "text",
    "url": "https://hooks.example.org/taken",
}
"""What makes each form of the console one that its owner could send."""
NOT_OF_ONE_ACCOUNT = {("/settings/accounts/{account_id}/disable", 403), ("/settings/accounts/{account_id}/enable", 403)}
"""What no admin of one account may do to any, not even to their own."""
ODD = (quote("\x7f\u2028\U0010ffff'\"<%") + "%ED%A0%80%FF" + "x" * 4000, "a&{name}=b&{name}={name}")
"""As they stand in a query: what is long and hardly text, and a parameter that stands three times."""
HOSTILE = (*ODD, "~", "~" + "9" * 36, str(10**30), "-1", "9999-12-31T23:59:59", "0000-00-00")
"""And broken cursors, numbers and times that no column holds."""
WORDS = {
    "action",
    "actor",
    "category",
    "export",
    "failure",
    "id",
    "kind",
    "name",
    "order",
    "origin",
    "quote",
    "scope",
    "source",
    "state",
    "status",
    "target",
}
"""Parameters that nobody takes for a number, a time or a cursor."""
QUERIES = (
    "messages?cursor=%00",
    "messages?export=csv&cursor=~",
    "media?export=json&cursor=-1",
    "bulk/rows?export=csv&cursor=" + "9" * 30,
    "?export=csv&table=~",
    "sandbox?export=json&table=~",
    "compose?type=~&interactive=~&source=~&t_template=|||&context=%ED%A0%80&r_message_id=~&m_id=~&type=~",
)
"""Parameters that count only together."""
SEARCHES = (
    ("/console/messages", "recipient"),
    ("/console/messages", "tag", "cursor", "since"),
    ("/console/messages", "wamid", "cursor", "until"),
    ("/console/messages", "tag", "code"),
    ("/console/consent", "number"),
    ("/console/consent", "search", "cursor", "state"),
    ("/console/conversations/find", "number"),
)
"""Forms that search, and which of their fields are filled in together."""
TAKEN = {200, 303, 400, 404, 413, 422}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owned(office: Office) -> dict[str, str]:
    """One of everything that the demo's account has, by the names in paths."""
    house, admin = office.house, await office.visitor("admin")
    account_id = house.demo.account.account_id
    await house.writes_first(PHONE)
    [message_id] = await house.send(house.entry(PHONE))
    await house.is_told(message_id, "sent", "delivered", "read")
    person = await admin.post("/console/consent/record", number=PHONE, action="optin", source="PHONE")
    bulk = await upload_bulk(admin, f"phone,name\n{PHONE},Noor\n")
    media_id = await uploaded(admin)
    [template, *_] = await templates(office)

    def find(tx: Any) -> dict[str, str]:
        inbound = next(one for one in list_inbound(tx, account_id, at_most=50) if one.sender == PHONE)
        letter = list_of_subject(tx, account_id, message_id, at_most=1)[0]
        return {
            "account_id": account_id,
            "bulk_id": last_of(bulk),
            "inbound_id": inbound.id,
            "key_id": tx.rows(A_KEY, account_id=account_id)[0][0],
            "media_id": media_id,
            "message_id": message_id,
            "name": last_of(person),
            "notification_id": letter.id,
            "source_id": house.source_id,
            "template_id": template.provider_id,
            "user_id": find_user_named(tx, "operator").id,
            "webhook_id": letter.endpoint_id,
        }

    return await office.read(find)


def last_of(answer: Answer) -> str:
    assert 303 == answer.status, answer.words
    return answer.headers["location"].rpartition("/")[2]


def path_of(route: ConsoleRoute, owned: dict[str, str]) -> str:
    """Return the route's path with ids of the demo's account in it; a part that nobody has an id for fails."""
    names = {**owned, "message_id": owned["inbound_id" if route.path.startswith("/inbound/") else "message_id"]}
    return "/console" + re.sub(r"\{(\w+)\}", lambda found: names[found[1]], route.path)


async def everything_of(office: Office) -> dict[str, list[str]]:
    """Return the rows of the demo's account, and all users."""
    account_id = office.house.demo.account.account_id
    return await office.read(
        lambda tx: {name: sorted(map(repr, tx.rows(sql, account_id=account_id))) for name, sql in TABLES.items()}
    )


async def status_of(visitor: Visitor, path: str, **form: str) -> int:
    """Ask for a path exactly as it is written here, with a form if there is any; return the answer's status."""
    url, headers = URL(visitor.base_url + path, encoded=True), {"Sec-Fetch-Site": "same-origin"}
    data = {"csrf_token": visitor.csrf_token, "once": new_once(), **form} if form else None
    method = "POST" if form else "GET"
    async with visitor.http.request(method, url, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def test_another_accounts_admin_finds_nothing_at_any_path_and_changes_nothing(
    office: Office, owned: dict[str, str]
):
    admin, stranger = await office.visitor("admin"), await office.visitor("stranger")
    routes = [route for route in console_routes(office.console) if "{" in route.path]
    before, answered = await everything_of(office), []
    for route in routes:
        path = path_of(route, owned)
        if route.method == "GET":
            assert 200 == await status_of(admin, path), route.path
        status = await status_of(stranger, path, **({} if route.method == "GET" else FORM))
        if status != 404 and (route.path, status) not in NOT_OF_ONE_ACCOUNT:
            answered.append((route.method, route.path, status))

    assert answered == []
    assert len(routes) > 60
    assert await everything_of(office) == before


async def test_forms_that_name_another_accounts_things_get_none_of_them(office: Office, owned: dict[str, str]):
    stranger = await office.visitor("stranger")
    number = {"name": "Theirs", "phone_number": "12025550198", "phone_number_id": "900", "waba_id": "901"}
    made = await stranger.post("/console/sources", **number, access_token="t", provider="sandbox")
    source_id = re.search(r"/console/sources/([0-9a-f-]{36})/", made.text)
    assert source_id is not None, made.words
    before = await everything_of(office)
    own = {"source": source_id[1], "to": PHONE}
    forms: tuple[dict[str, str], ...] = (
        {"type": "media", "m_id": owned["media_id"], **own},
        {"type": "text", "content": "x", **own, "source": owned["source_id"]},
        {"type": "text", "content": "x", "context": owned["inbound_id"], **own},
        {"type": "reaction", "r_message_id": owned["message_id"], "r_emoji": "🎉", **own},
        {"type": "template", "t_template": "bicycle_photo|en", "t_media_id": owned["media_id"], **own},
    )
    for form in forms:
        for path in ("/console/compose", "/console/compose/form", "/console/compose/preview"):
            answer = await stranger.post(path, **form)
            assert answer.status in {200, 422}, (form, path, answer.words)
            assert "bicycle &lt;script" not in answer.text, (form, path)
            assert "Hello Noor" not in answer.words, (form, path)

    assert await everything_of(office) == before


async def test_no_query_makes_a_page_fail(office: Office, owned: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    admin = await office.visitor("admin")
    asked: set[str] = set()
    query = Visit.query

    def heard(visit: Visit, name: str) -> str:
        asked.add(name)
        return query(visit, name)

    monkeypatch.setattr(Visit, "query", heard)
    paths = [f"/console/{one}" for one in QUERIES]
    for route in console_routes(office.console):
        if route.method == "POST" or route.path in STREAMS:
            continue
        path = path_of(route, owned)
        asked.clear()
        # Which parameters a page reads is heard when it is asked for; some are read of a custom range alone.
        for custom in ("", "?range=custom&from=2026-01-01&to=2026-01-02"):
            await status_of(admin, path + custom)
        for name in sorted(asked):
            custom = "range=custom&" if name in {"from", "to"} else ""
            values = ODD if name in WORDS else HOSTILE
            paths += [f"{path}?{custom}{name}={value.format(name=name)}" for value in values]

    failed = [(path[:80], status) for path in paths if (status := await status_of(admin, path)) not in TAKEN]

    assert failed == []
    assert len(paths) > 300


async def test_no_path_makes_a_page_fail(office: Office, owned: dict[str, str]):
    admin = await office.visitor("admin")
    for route in console_routes(office.console):
        if "{" not in route.path:
            continue
        for value in ("%00", "%ED%A0%80%FF" + "x" * 4000, "%2e%2e%2f%F4%8F%BF%BF" + "9" * 40):
            path = path_of(route, dict.fromkeys(owned, value))
            status = await status_of(admin, path, **({} if route.method == "GET" else FORM))
            assert status in {404, 405, 422}, (route.method, path[:80], status)


async def test_no_search_makes_a_page_fail(office: Office):
    operator = await office.visitor("operator")
    for path, *names in SEARCHES:
        for value in (*HOSTILE, "x" * 100_000, "\x01"):
            answer = await operator.post(path, **dict.fromkeys(names, value))
            assert answer.status in TAKEN, (path, names, value[:40], answer.status)
