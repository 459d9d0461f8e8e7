"""
URLs that lead inside, through the API of a running gateway: none of them opens a socket there.

The gateway may reach 127.0.0.2 and nothing else that is private, so that all other addresses of this machine stand for
the inside of an operator's network. A server on 127.0.0.1 is the trap. The names are the test's own; everything behind
them is what production runs.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.console.conftest import PASSWORD, Visitor
from tests.gateway.conftest import House, settings_for, start
from tests.media.test_fetcher import by_path, moved, on_another_address
from tests.outbound.faults import FaultServer, answering, ok
from tests.outbound.ssrf_corpus import DENIED_NAMES, DENIED_URLS, REDIRECT_TARGETS, urls_of_loopback
from tests.outbound.test_guard import NameTable

from waypost.domain.users import Role
from waypost.web.manage.editing import Editor
from waypost.web.manage.editing_users import add_user
from waypost.web.passwords import hash_password

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PHONES = [f"1202555{number:04}" for number in range(1000, 1060)]
AT_ONCE = 16
REFUSED_AT_ACCEPTANCE = {"empty": ("8006", "attachment_url cannot be null or blank")}
"""Everything else is a text like any other until it is fetched."""
NOT_TEXT = {"surrogate", "null"}
"""Half a character is no JSON, and a NUL cannot be kept."""
A_NAME_AT_AN_ODD_PORT = {"question credentials", "port of ssh", "port of redis"}
"""Where an operator allows a network, a name on any port may lead there; its address decides at each connection."""
THE_OTHER_SCHEMES_PORT = {"port of http with tls", "port of tls with http"}
"""Of a public name, so that nothing inside is meant; refused where no network is allowed."""
WITHOUT_ADDRESS = {"nothing.example", "too-many.example"}
"""What names nothing may name something later: it is asked for again."""


CASES = tuple(case for case in DENIED_URLS if case.name not in THE_OTHER_SCHEMES_PORT)


def ascii_name(name: str) -> str:
    return name.encode("idna").decode()


@pytest.fixture
def database_url(migrated_sqlite_url: str) -> str:
    """What guards connections knows no database, so one kind of it does."""
    return migrated_sqlite_url


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameTable:
    """Stand for the machine's resolver: no test asks a real one."""
    table = NameTable({ascii_name(name): [list(found)] for name, found in DENIED_NAMES.items()})
    table.answers["example.org"] = [["93.184.215.14"]]
    monkeypatch.setattr("waypost.outbound.aiohttp_client.SystemResolver", lambda: table)
    return table


@asynccontextmanager
async def running_house(tmp_path: Any, database_url: str, *allowed_networks: str) -> AsyncIterator[House]:
    running = await start(settings_for(tmp_path, database_url), allowed_networks=allowed_networks)
    yield running.house
    assert await running.stop() == 0


@pytest.fixture
async def guarded(tmp_path: Any, database_url: str, names: NameTable) -> AsyncIterator[House]:
    async with running_house(tmp_path, database_url, "127.0.0.2/32") as house:
        yield house


@pytest.fixture
async def trap() -> AsyncIterator[FaultServer]:
    async with FaultServer(answering(ok(PDF))).running() as server:
        yield server


def reached(house: House, connects: list[tuple[object, ...]]) -> set[tuple[object, ...]]:
    """Return where sockets were opened to, besides the gateway and the sandbox by the test and by each other."""
    ports = {int(url.rpartition(":")[2]) for url in (house.base_url, house.sandbox_url)}
    return {address[:2] for address in connects} - {("127.0.0.1", port) for port in ports}


async def each(items: Iterable[Any], act: Any) -> list[Any]:
    """Do it for all items, so many at once; results in their order."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: Any) -> Any:
        async with places:
            return await act(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


async def send_files(house: House, urls: Iterable[str]) -> list[Any]:
    """Send each URL as an attachment; return the answers."""

    async def send(numbered: tuple[int, str]) -> Any:
        number, url = numbered
        file = {"attachment_url": url, "attachment_type": "document"}
        recipient = PHONES[number % len(PHONES)]
        entry = house.entry(recipient, message_type="media", type_media=[{"attachments": [file]}])
        status, answer = await house.call("POST", "/api/v2/message/", json={"message": [entry]})
        assert status == 200, (url, status, answer)
        return answer

    return await each(enumerate(urls), send)


async def all_fail_as_bad_media(house: House, answers: list[Any]) -> None:
    ids = [answer["data"]["id"] for answer in answers]
    await house.becomes("failed", *ids)
    found = await each(ids, lambda message_id: house.call("GET", f"/manage/v1/messages/{message_id}"))
    assert {message["failure"] for _, message in found} == {"bad_media"}
    assert {message["attempts"] for _, message in found} == {0}


async def make_webhook(house: House, url: str) -> tuple[int, Any]:
    return await house.call("POST", "/manage/v1/webhooks", json={"url": url, "kinds": ["event"]})


async def tell(house: House, webhook_id: str) -> Any:
    """Queue a test event, wait for its first try, and return how that ended."""
    path = f"/manage/v1/webhooks/{webhook_id}"
    status, queued = await house.call("POST", f"{path}/test")
    assert status == 202, queued
    tries: list[Any] = []

    async def was_tried() -> bool:
        _, found = await house.call("GET", f"{path}/notifications/{queued['notification_id']}/attempts")
        tries[:] = found["items"]
        return bool(tries)

    await house.eventually(was_tried)
    return tries[0]


def inside(port: int) -> tuple[str, ...]:
    """Return a handful of the spellings for the console, behind whose forms the same code stands."""
    return (
        "http://169.254.169.254/latest/meta-data/",
        f"http://[::1]:{port}/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"http://2130706433:{port}/",
        f"http://127.1:{port}/",
    )


@asynccontextmanager
async def console_admin(house: House) -> AsyncIterator[Visitor]:
    """Sign in to the console."""
    foundation, hashed = house.demo.gateway.foundation, await asyncio.to_thread(hash_password, PASSWORD)
    editor = Editor(actor="cli:test", ids=foundation.ids, clock=foundation.clock, sealer=foundation.sealer)
    await foundation.database.write(
        lambda tx: add_user(tx, editor, name="admin", role=Role.ADMIN, account_id=None, password_hash=hashed)
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        visitor = Visitor(house.base_url, http)
        assert (await visitor.sign_in("admin")).status == 303
        yield visitor


async def compose_files(house: House, urls: Iterable[str]) -> list[Any]:
    """Send each URL as a file, and as the picture of a template, by the console's form."""
    form = {"to": PHONES[0], "source": house.source_id}
    template = {"type": "template", "t_template": "bicycle_photo|en", "t_header": "image", "t_attribute": "Noor"}
    async with console_admin(house) as admin:
        sent = [
            await admin.post("/console/compose", type="media", m_kind="document", m_url=url, **form) for url in urls
        ]
        sent += [await admin.post("/console/compose", **template, t_url=url, **form) for url in urls]
    assert {answer.status for answer in sent} == {303}, [answer.words for answer in sent]
    return [{"data": {"id": answer.headers["location"].rpartition("/")[2]}} for answer in sent]


async def test_no_attachment_of_the_corpus_opens_a_socket_inside(
    guarded: House, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    await guarded.writes_first(*PHONES)
    cases = CASES + urls_of_loopback(trap.port)
    answers = dict(
        zip((case.name for case in cases), await send_files(guarded, (case.url for case in cases)), strict=True)
    )

    refused = {name: answer["error"] for name, answer in answers.items() if answer["status"] != "success"}
    assert len(cases) > 350
    assert refused.keys() == REFUSED_AT_ACCEPTANCE.keys() | NOT_TEXT
    assert {refused[name]["code"] for name in NOT_TEXT} == {"8001"}
    for name, (code, text) in REFUSED_AT_ACCEPTANCE.items():
        assert (refused[name]["code"], refused[name]["message"]) == (code, text)
    await all_fail_as_bad_media(guarded, [answer for name, answer in answers.items() if name not in refused])
    by_console = await compose_files(guarded, (*inside(trap.port), f"http://localtest.example:{trap.port}/a.pdf"))
    await all_fail_as_bad_media(guarded, by_console)
    assert reached(guarded, connects) == set()
    assert trap.connections == 0


async def test_no_attachment_at_a_name_with_a_denied_address_opens_a_socket_inside(
    guarded: House, names: NameTable, connects: list[tuple[object, ...]]
) -> None:
    await guarded.writes_first(*PHONES)
    answers = dict(
        zip(DENIED_NAMES, await send_files(guarded, (f"https://{name}/a.pdf" for name in DENIED_NAMES)), strict=True)
    )

    await all_fail_as_bad_media(guarded, [answer for name, answer in answers.items() if name not in WITHOUT_ADDRESS])
    assert set(names.asked) >= {ascii_name(name) for name in DENIED_NAMES}
    for name in WITHOUT_ADDRESS:
        _, message = await guarded.call("GET", f"/manage/v1/messages/{answers[name]['data']['id']}")
        assert (message["status"], message["wait_reason"]) == ("waiting", "media_retry")
    assert reached(guarded, connects) == set()


async def test_no_redirect_of_an_attachment_opens_a_socket_inside(
    guarded: House, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    await guarded.writes_first(*PHONES)
    inside = [case.url for case in REDIRECT_TARGETS + urls_of_loopback(trap.port)]
    inside += [f"https://{name}/" for name in DENIED_NAMES if name not in WITHOUT_ADDRESS]
    statuses = (301, 302, 303, 307, 308)
    answers = {f"/{number}": moved(url, statuses[number % 5]) for number, url in enumerate(inside)}
    server = FaultServer(by_path(answers))
    async with on_another_address(server) as origin:
        sent = await send_files(guarded, (origin + path for path in answers))
        await all_fail_as_bad_media(guarded, sent)

    assert len(server.requests) == len(answers)
    assert {address for address, _ in reached(guarded, connects)} == {"127.0.0.2"}
    assert trap.connections == 0


async def test_no_webhook_is_made_or_moved_to_a_denied_url(
    guarded: House, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    cases = [case for case in CASES + urls_of_loopback(trap.port) if case.name not in A_NAME_AT_AN_ODD_PORT]
    status, good = await make_webhook(guarded, "https://example.org/hook")
    assert status == 201

    made = await each(cases, lambda case: make_webhook(guarded, case.url))
    path = f"/manage/v1/webhooks/{good['id']}"
    changed = await each(cases, lambda case: guarded.call("PATCH", path, json={"url": case.url}))

    for answers in (made, changed):
        taken = {case.name for case, (status, _) in zip(cases, answers, strict=True) if status < 400}
        assert taken == {"name of a trap", "name in capitals of a trap"}
        assert {status for status, _ in answers if status >= 400} == {400, 422}
    await the_console_refuses_alike(guarded, trap)
    _, listed = await guarded.call("GET", "/manage/v1/webhooks?limit=200")
    urls = {webhook["url"] for webhook in listed["items"]}
    assert not urls & {case.url for case in cases if not case.name.startswith("name")}
    assert reached(guarded, connects) == set()


async def the_console_refuses_alike(house: House, trap: FaultServer) -> None:
    """Neither is a webhook made or moved inside by its forms; a name that leads there is told nothing."""
    async with console_admin(house) as admin:
        form = {"name": "inside", "kinds": "event", "max_batch": "1"}
        by_name = await admin.post("/console/webhooks", url=f"http://localtest.example:{trap.port}/hook", **form)
        found = re.search(r"/console/webhooks/([0-9a-f-]{36})/", by_name.text)
        assert found is not None, by_name.words
        for url in inside(trap.port):
            for path in ("", f"/{found[1]}/change"):
                answer = await admin.post(f"/console/webhooks{path}", url=url, **form)
                assert answer.status == 422, (url, path, answer.words)
        assert (await admin.post(f"/console/webhooks/{found[1]}/test")).status == 303
    first_try = await tell(house, found[1])
    assert (first_try["http_status"], first_try["answer"]) == (None, None)


async def test_no_webhook_at_a_name_with_a_denied_address_opens_a_socket_inside(
    guarded: House, names: NameTable, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    urls = [f"https://{name}/hook" for name in DENIED_NAMES]
    urls += [case.url for case in CASES if case.name in A_NAME_AT_AN_ODD_PORT]
    urls += [f"http://localhost:{trap.port}/hook"]

    async def make_and_tell(url: str) -> Any:
        status, made = await make_webhook(guarded, url)
        assert status == 201, url
        return await tell(guarded, made["id"])

    tries = await each(urls, make_and_tell)

    assert {(one["http_status"], one["answer"]) for one in tries} == {(None, None)}
    assert set(names.asked) >= {ascii_name(name) for name in DENIED_NAMES}
    assert reached(guarded, connects) == set()
    assert trap.connections == 0


async def test_no_webhook_follows_a_redirect(
    guarded: House, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    answers = {f"/{status}": moved(trap.url("/secret"), status) for status in (301, 302, 303, 307, 308)}
    async with on_another_address(FaultServer(by_path(answers))) as origin:
        for path in answers:
            _, made = await make_webhook(guarded, origin + path)
            assert (await tell(guarded, made["id"]))["http_status"] == int(path[1:])

    assert {address for address, _ in reached(guarded, connects)} == {"127.0.0.2"}
    assert trap.connections == 0


async def test_a_name_that_turns_inside_after_the_first_answer_opens_no_socket_there(
    guarded: House, names: NameTable, connects: list[tuple[object, ...]]
) -> None:
    """Rebinding with a time to live of 0: the first look-up gives an allowed address, every later one the trap's."""
    await guarded.writes_first(PHONES[0])
    for name in ("file", "hop", "hook"):
        names.answers[f"{name}.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    server = FaultServer(answering(ok(PDF), then="close"))
    async with on_another_address(server) as origin:
        port = int(origin.rpartition(":")[2])
        async with trap_at(port) as trap:
            await rebind(guarded, server, port)
            assert trap.connections == 0

    assert names.asked.count("file.example") == names.asked.count("hook.example") == names.asked.count("hop.example")
    assert reached(guarded, connects) == {("127.0.0.2", port)}


async def rebind(house: House, server: FaultServer, port: int) -> None:
    [first] = await send_files(house, [f"http://file.example:{port}/1.pdf"])
    await house.becomes("read", first["data"]["id"])
    await all_fail_as_bad_media(house, await send_files(house, [f"http://file.example:{port}/2.pdf"]))

    # The first hop's answer leads to the same name, which is looked up anew.
    server.behaviour = answering(moved(f"http://hop.example:{port}/inside"), then="close")
    await all_fail_as_bad_media(house, await send_files(house, [f"http://hop.example:{port}/1.pdf"]))

    server.behaviour = answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", then="close")
    _, made = await make_webhook(house, f"http://hook.example:{port}/hook")
    assert (await tell(house, made["id"]))["http_status"] == 500
    assert (await tell(house, made["id"]))["http_status"] is None


@asynccontextmanager
async def trap_at(port: int) -> AsyncIterator[FaultServer]:
    """Serve on 127.0.0.1 at the very port that the allowed server has on its own address."""
    server = FaultServer(answering(ok(PDF)))
    listener = await asyncio.start_server(server._serve, "127.0.0.1", port)
    yield server
    listener.close()


async def test_the_trap_and_the_trace_see_what_an_operator_lets_in(
    tmp_path: Any, database_url: str, names: NameTable, trap: FaultServer, connects: list[tuple[object, ...]]
) -> None:
    """The control: the same requests, with 127.0.0.1 allowed."""
    async with running_house(tmp_path, database_url, "127.0.0.1/32") as house:
        await house.writes_first(PHONES[0])
        for host in ("127.0.0.1", "localtest.example"):
            connects.clear()
            hits = trap.connections
            [sent] = await send_files(house, [f"http://{host}:{trap.port}/{host}.pdf"])
            await house.becomes("read", sent["data"]["id"])
            assert trap.connections > hits
            assert reached(house, connects) == {("127.0.0.1", trap.port)}
        status, made = await make_webhook(house, trap.url("/hook"))
        assert status == 201
        await house.call("POST", f"/manage/v1/webhooks/{made['id']}/test")

        async def was_told() -> bool:
            return any(head.startswith(b"POST /hook") for head, _ in trap.requests)

        await house.eventually(was_told)
