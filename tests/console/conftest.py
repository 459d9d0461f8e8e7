"""The console of a running demo, over real HTTP, as each role sees it; one demo serves all tests of a module."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.browser import OpenPage, browser_address, connected, watched_pages
from tests.gateway.conftest import House, Running, settings_for, start

from waypost.domain.users import Role
from waypost.store.accounts import create_account
from waypost.web.console.context import Console
from waypost.web.console.visit import new_once
from waypost.web.first_run import first_run_code
from waypost.web.manage.editing import Editor
from waypost.web.manage.editing_users import add_user
from waypost.web.passwords import hash_password

__all__ = ["browser_address"]

PASSWORD = "seven green bicycles"
OTHER_ACCOUNT = "0192f0c1-7f6a-7d3e-8b1c-3f1d2b7a9c55"
_HERE = Path(__file__).parent
_TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share its event loop, and so its demo."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@dataclass(frozen=True)
class Answer:
    """What the console answered."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def words(self) -> str:
        """The text as a reader sees it: no tags, white space made one."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


@dataclass
class Visitor:
    """A browser without scripts: keeps cookies, and sends forms as a page of the console would."""

    base_url: str
    http: aiohttp.ClientSession
    csrf_token: str = ""

    async def get(self, path: str, *, follows: bool = False, **headers: str) -> Answer:
        """Ask for a page."""
        async with self.http.get(
            self.base_url + path, headers={"Sec-Fetch-Site": "same-origin", **headers}, allow_redirects=follows
        ) as response:
            answer = await _read(response)
        found = _TOKEN.search(answer.text)
        if found is not None:
            self.csrf_token = found[1]
        return answer

    async def post(self, path: str, *, follows: bool = False, **fields: Any) -> Answer:
        """Send a form of a page just loaded, with its tokens; a field that is a list is sent once for each."""
        pairs = [
            (name, item)
            for name, value in {"csrf_token": self.csrf_token, "once": new_once(), **fields}.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        return await self.send(path, data=pairs, follows=follows)

    async def send(
        self, path: str, *, data: Any, headers: dict[str, str] | None = None, follows: bool = False
    ) -> Answer:
        """Send anything, as from a page of this site unless the headers say otherwise."""
        sent = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
        async with self.http.post(self.base_url + path, data=data, headers=sent, allow_redirects=follows) as response:
            return await _read(response)

    async def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Answer:
        """Sign in, and take the session's token from the page that follows."""
        answer = await self.post("/console/sign-in", name=name, password=password, **more)
        if answer.status == 303:
            self.csrf_token = ""
            await self.get("/console/bulk")  # a page that takes little to make
            if not self.csrf_token:  # without an account there is no such page, but that of one's own
                await self.get("/console/profile")
        return answer


async def _read(response: aiohttp.ClientResponse) -> Answer:
    return Answer(
        response.status, await response.text(), {name.lower(): value for name, value in response.headers.items()}
    )


@dataclass
class Office:
    """A demo with users of every role: ``viewer``, ``operator``, ``admin``; and ``stranger``, an admin elsewhere."""

    running: Running
    visitors: dict[str, Visitor] = field(default_factory=dict)

    @property
    def house(self) -> House:
        """The running demo."""
        return self.running.house

    @property
    def console(self) -> Console:
        """What the demo's console is built from, for a look at its table of routes."""
        return self.house.demo.gateway.web.console_context()

    @property
    def code(self) -> str:
        """The first-run code."""
        return first_run_code(self.house.demo.gateway.foundation.token_key)

    def new_visitor(self) -> Visitor:
        """Return a browser that nobody is signed in with; it is closed with the office."""
        http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        visitor = Visitor(self.house.base_url, http)
        self.visitors[f"nobody {len(self.visitors)}"] = visitor
        return visitor

    async def visitor(self, name: str) -> Visitor:
        """Return the browser of the user of this name, signed in; the same at a second call."""
        if name not in self.visitors:
            visitor = self.new_visitor()
            answer = await visitor.sign_in(name)
            assert answer.status == 303, answer.words
            if name != "stranger":
                # The demo's account, whichever of the two is older by its id.
                await visitor.post("/console/account", account_id=self.house.demo.account.account_id)
            self.visitors[name] = visitor
        return self.visitors[name]

    async def write(self, operation: Any) -> Any:
        """Run a transaction on the demo's database."""
        return await self.house.demo.gateway.foundation.database.write(operation)

    async def read(self, operation: Any) -> Any:
        """Run a read on the demo's database."""
        return await self.house.demo.gateway.foundation.database.read(operation)

    @property
    def editor(self) -> Editor:
        """Who changes things from a test."""
        foundation = self.house.demo.gateway.foundation
        return Editor(actor="cli:test", ids=foundation.ids, clock=foundation.clock, sealer=foundation.sealer)


@cache
def _hashed_password() -> str:
    return hash_password(PASSWORD)


async def open_office(running: Running) -> Office:
    """Add the users to a running demo, and an account beside the demo's."""
    office = Office(running)
    hashed = await asyncio.to_thread(_hashed_password)
    editor = office.editor

    def fill(tx: Any) -> None:
        create_account(tx, account_id=OTHER_ACCOUNT, name="Other", now_us=editor.clock.now_us())
        for role in Role:
            add_user(tx, editor, name=role.word, role=role, account_id=None, password_hash=hashed)
        add_user(tx, editor, name="stranger", role=Role.ADMIN, account_id=OTHER_ACCOUNT, password_hash=hashed)

    await office.write(fill)
    await running.house.demo.gateway.foundation.directory.refresh()
    return office


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser_address: str) -> AsyncIterator[OpenPage]:
    """Open pages in a real browser, on the event loop of the module's demo."""
    async with connected(browser_address) as browser, watched_pages(browser) as open_one:
        yield open_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """A running demo on SQLite with users of every role."""
    path = tmp_path_factory.mktemp("office")
    running = await start(settings_for(path, f"sqlite:///{path}/waypost.db"))
    opened = await open_office(running)
    yield opened
    for visitor in opened.visitors.values():
        await visitor.http.close()
    assert await running.stop() == 0
