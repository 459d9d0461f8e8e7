"""What holds for every route of the console: roles, headers, forms; generated from the table of routes."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from starlette.datastructures import UploadFile
from tests.console.conftest import OTHER_ACCOUNT, Answer, Office, Visitor

from waypost.domain.users import Role
from waypost.store.console_sessions import find_session, touch_session
from waypost.store.users import find_user_named
from waypost.web.console.app import console_routes
from waypost.web.console.gate import token_hash
from waypost.web.console.routing import ConsoleRoute
from waypost.web.manage.editing_users import disable_user

SAME = {"Sec-Fetch-Site": "same-origin"}
STREAMS = {"/live"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def routes_of(office: Office) -> list[ConsoleRoute]:
    """Return all routes; their handlers are never called here, so what they would work on does not matter."""
    return console_routes(office.console)


def path_of(route: ConsoleRoute) -> str:
    return "/console" + re.sub(r"\{[^}]+\}", "0192f0c1-7f6a-7d3e-8b1c-000000000000", route.path)


async def ask(visitor: Visitor, route: ConsoleRoute) -> Answer:
    if route.method == "GET":
        return await visitor.get(path_of(route))
    return await visitor.send(path_of(route), data={"csrf_token": visitor.csrf_token}, headers=SAME)


async def test_no_role_reaches_what_takes_a_higher_one(office: Office):
    checked = 0
    for role in (Role.VIEWER, Role.OPERATOR):
        visitor = await office.visitor(role.word)
        for route in routes_of(office):
            if route.role is None or route.role <= role:
                continue
            answer = await ask(visitor, route)
            assert 403 == answer.status, (role, route.method, route.path)
            assert f"This takes the role {route.role.word}; yours is {role.word}." in answer.words
            checked += 1
    assert checked > 10


async def test_every_role_reaches_the_pages_it_may_see(office: Office):
    for role in Role:
        visitor = await office.visitor(role.word)
        for route in routes_of(office):
            if route.method == "POST" or route.role is None or route.role > role or route.path in STREAMS:
                continue
            answer = await ask(visitor, route)
            assert answer.status in ({200, 204, 404} if "{" in route.path else {200, 204}), (role, route.path, answer)


async def test_nobody_gets_in_without_a_session(office: Office):
    nobody = office.new_visitor()
    for route in routes_of(office):
        if route.role is None:
            continue
        answer = await ask(nobody, route)
        assert (303, "/console/sign-in") == (answer.status, answer.headers["location"]), route.path


async def test_no_form_is_taken_without_the_sessions_token_or_from_elsewhere(office: Office):
    admin = await office.visitor("admin")
    for route in routes_of(office):
        if route.method == "GET" or route.role is None:
            continue
        without = await admin.send(path_of(route), data={"csrf_token": "0" * 32}, headers=SAME)
        elsewhere = await admin.send(
            path_of(route), data={"csrf_token": admin.csrf_token}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert (403, 403) == (without.status, elsewhere.status), route.path


async def test_every_page_has_the_whole_set_of_headers(office: Office):
    admin = await office.visitor("admin")
    paths = [path_of(route) for route in routes_of(office) if route.method == "GET" and route.path not in STREAMS]
    for path in [*paths, "/console", "/console/nowhere", "/console/static/console.css", "/console/static/none.js"]:
        headers = (await admin.get(path)).headers
        assert "nosniff" == headers["x-content-type-options"], path
        assert "no-referrer" == headers["referrer-policy"], path
        assert "same-origin" == headers["cross-origin-opener-policy"], path
        assert "DENY" == headers["x-frame-options"], path
        assert headers["content-security-policy"] == POLICY or "sandbox" in headers["content-security-policy"], path
        assert "server" not in headers, path
        if "/static/" not in path:
            assert "no-store" in headers["cache-control"], path


async def test_no_page_holds_inline_scripts_styles_or_handlers(office: Office):
    admin = await office.visitor("admin")
    for route in routes_of(office):
        if route.method == "POST" or route.path in STREAMS:
            continue
        text = (await admin.get(path_of(route))).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), route.path


@pytest.mark.parametrize("path", ["/console/nowhere", "/console/static/../app.py", "/console/static/%2e%2e/app.py"])
async def test_what_is_not_there_is_said_in_words(office: Office, path: str):
    answer = await (await office.visitor("viewer")).get(path)

    assert 404 == answer.status
    assert "There is no such page." in answer.words


async def test_a_user_of_one_account_sees_and_chooses_no_other(office: Office):
    stranger = await office.visitor("stranger")

    page = await stranger.get("/console/users")
    chosen = await stranger.post("/console/account", account_id=office.house.demo.account.account_id)

    names = re.findall(r'<td data-name="Name">([^<]+)</td>', page.text)
    assert "stranger" in names
    assert not {role.word for role in Role} & set(names)
    assert 404 == chosen.status
    assert "There is no account with this id." in chosen.words


async def test_another_accounts_thing_is_the_same_as_none(office: Office):
    admin = await office.visitor("admin")
    chosen = await admin.post("/console/account", account_id=OTHER_ACCOUNT)
    back = await admin.post("/console/account", account_id=office.house.demo.account.account_id)

    assert (303, 303) == (chosen.status, back.status)


def part(name: str, value: str, *, charset: str) -> dict[str, Any]:
    """Return a form of one field, in a charset of the sender's choice."""
    body = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b--\r\n'
    return {
        "data": body.encode(),
        "headers": {**SAME, "Content-Type": f"multipart/form-data; boundary=b; charset={charset}"},
    }


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "undefined", "utf-16"])
async def test_a_form_cannot_choose_how_it_is_decoded(office: Office, charset: str):
    answer = await office.new_visitor().send("/console/sign-in", **part("name", "\\ud800" * 100, charset=charset))
    assert 400 == answer.status
    assert "The form is not written in UTF-8." in answer.words


async def test_a_form_in_utf_8_may_say_so(office: Office):
    answer = await office.new_visitor().send("/console/sign-in", **part("name", "somebody", charset="UTF-8"))
    assert 401 == answer.status


async def test_a_nul_is_found_in_every_value_of_a_field_and_in_names(office: Office):
    operator = await office.visitor("operator")
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": operator.csrf_token, **SAME}
    in_the_first = await operator.send("/console/compose/preview", data=b"m_text=a%00b&m_text=c", headers=form)
    in_the_name = await operator.send("/console/compose/preview", data=b"m_%00=c", headers=form)
    assert [400, 400] == [in_the_first.status, in_the_name.status]
    assert "The form holds a NUL character." in in_the_first.words


async def test_a_file_in_a_form_that_is_refused_is_closed_at_once(office: Office, monkeypatch: pytest.MonkeyPatch):
    closed, close = [], UploadFile.close

    async def close_and_tell(file: UploadFile) -> None:
        await close(file)
        closed.append(file.filename)

    monkeypatch.setattr(UploadFile, "close", close_and_tell)
    form = aiohttp.FormData({"csrf_token": "0" * 32})
    form.add_field("file", b"phone\n", filename="guests.csv", content_type="text/csv")
    answer = await (await office.visitor("operator")).send("/console/bulk/new", data=form)
    assert (403, ["guests.csv"]) == (answer.status, closed)


@pytest.mark.parametrize(
    "headers",
    [{**SAME, "X-CSRF-Token": "\u00e9"}, {"Origin": "http://[::1"}, {"Origin": "http://a]b["}],
)
async def test_a_malformed_proof_of_origin_is_refused_as_a_wrong_one(office: Office, headers: dict[str, str]):
    operator = await office.visitor("operator")
    answer = await operator.send("/console/numbers", data={"csrf_token": operator.csrf_token}, headers=headers)
    assert 403 == answer.status


async def test_a_form_is_refused_if_its_sender_was_disabled_while_it_came_in(office: Office):
    made = await (await office.visitor("admin")).post("/console/users", name="slow", role="operator", account_id="")
    password = re.search(r"shown this once.*?<code>([^<]+)</code>", made.text, re.DOTALL)[1]
    slow = office.new_visitor()
    await slow.sign_in("slow", password)

    async def body() -> AsyncIterator[bytes]:
        # The server asks for the body only once it has let the request in.
        await office.write(lambda tx: disable_user(tx, office.editor, find_user_named(tx, "slow").id))
        yield f"csrf_token={slow.csrf_token}&show=yes".encode()

    headers = {"Content-Type": "application/x-www-form-urlencoded", **SAME}
    url = f"{slow.base_url}/console/numbers"
    async with slow.http.post(url, data=body(), headers=headers, expect100=True, allow_redirects=False) as response:
        assert 403 == response.status
        assert "Your session ended while the form was on its way." in await response.text()


async def test_a_page_that_refreshes_itself_does_not_keep_a_session_in_use(office: Office):
    viewer = await office.visitor("viewer")
    [cookie] = [one.value for one in viewer.http.cookie_jar if one.key == "waypost_console"]
    before_us = office.editor.clock.now_us() - 120_000_000
    await office.write(lambda tx: touch_session(tx, token_hash(cookie), now_us=before_us))

    async def used_at_us() -> int:
        return (await office.read(lambda tx: find_session(tx, token_hash(cookie)))).used_at_us

    await viewer.get("/console/messages/rows", **{"X-Fragment": "0123456789abcdef"})
    after_a_refresh = await used_at_us()
    await viewer.get("/console/messages")

    assert before_us == after_a_refresh
    assert before_us < await used_at_us()
