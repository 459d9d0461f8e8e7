"""A sandbox with a shop on it, the shop's webhook receiver, and a browser that shows the phones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Locator, Page, expect
from tests.browser import OpenPage, browser_address, connected, watched_pages
from tests.handset import showcase
from tests.sandbox.conftest import NUMBER, NUMBER_ID, PHONE, SECRET, TOKEN, WABA, Receiver, World, running

from waypost.sandbox import SandboxSettings, build_sandbox

__all__ = ["browser_address"]

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share its event loop, and so the connection to the browser."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(browser_address: str) -> AsyncIterator[Browser]:
    async with connected(browser_address) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    async with watched_pages(browser) as open_one:
        yield open_one


class Shop(World):
    """The business on the other side, and the address of the page."""

    @property
    def page_url(self) -> str:
        return f"{self.url}/sandbox/handset/"

    async def upload_all(self) -> dict[str, str]:
        media = {}
        for kind, (name, mime_type, data) in showcase.FILES.items():
            status, answer = await self.upload(data, mime_type, name)
            assert status == 200, answer
            media[kind] = answer["id"]
        return media

    async def make_templates(self) -> None:
        for name, (category, components) in showcase.TEMPLATES.items():
            body = {"name": name, "language": "en", "category": category, "components": components}
            assert (await self.call("POST", f"/v23.0/{WABA}/message_templates", body))[0] == 200
        for template in self.sandbox.templates.every():
            self.sandbox.templates.set_status(template, "APPROVED")

    async def make_group(self, *members: str) -> dict[str, Any]:
        body = {"messaging_product": "whatsapp", "subject": "Sunday ride"}
        await self.call("POST", f"/v23.0/{NUMBER_ID}/groups", body)
        await self.receiver.until(lambda: [v for v in self.receiver.values() if v.get("groups")])
        _, listed = await self.call("GET", "/sandbox/groups")
        group: dict[str, Any] = listed["groups"][-1]
        for member in members:
            await self.call("POST", f"/sandbox/groups/{group['group_id']}/join", {"phone": member})
        return group

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so on the network, looking whenever it changes."""
        changed = asyncio.Event()

        class Watcher:
            def message_changed(self, phone: str, wamid: str) -> None:
                changed.set()

            def directory_changed(self) -> None:
                changed.set()

        watcher = Watcher()
        self.sandbox.network.changes.add(watcher)
        async with asyncio.timeout(20):
            while not condition():
                await changed.wait()
                changed.clear()
        self.sandbox.network.changes.remove(watcher)

    async def heard(self, **wanted: Any) -> dict[str, Any]:
        """Wait until the business has a message with these members, and return the newest."""

        def found() -> list[dict[str, Any]]:
            messages = self.receiver.messages()
            return [one for one in messages if all(one.get(name) == value for name, value in wanted.items())]

        await self.receiver.until(found)
        return found()[-1]


@pytest_asyncio.fixture(loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    receiver = Receiver()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/{path:.*}", receiver.handle_post)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    sandbox = build_sandbox(SandboxSettings(webhook_retry_first_seconds=0.01, number_rate=0, pair_interval_seconds=0))
    sandbox.network.register_number(
        phone_number_id=NUMBER_ID,
        display_phone_number=NUMBER,
        waba_id=WABA,
        access_token=TOKEN,
        app_secret=SECRET,
        callback_url=receiver.url,
        verified_name="Sample Bicycles",
    )
    async with aiohttp.ClientSession() as http, running(sandbox) as url:
        yield Shop(sandbox, url, http, receiver)
    await runner.cleanup()


@dataclass
class Handset:
    """A page with one phone in the foreground."""

    page: Page
    phone: Locator

    @property
    def log(self) -> Locator:
        return self.phone.get_by_role("log")

    @property
    def sheet(self) -> Locator:
        return self.phone.get_by_role("dialog")

    def row(self, text: str) -> Locator:
        return self.log.locator(".row", has_text=text)

    async def show_chats(self) -> None:
        """Go to the list of chats; a phone with one chat begins in it."""
        await expect(self.phone.locator(".chats button").first).to_be_attached()
        if await self.log.count():
            await self.phone.get_by_role("button", name="Back to the chats").click()

    async def open_chat(self, name: str = "Sample Bicycles") -> None:
        await self.show_chats()
        await self.phone.locator(".chats button", has_text=name).click()
        await expect(self.log).to_be_visible()

    async def write(self, text: str) -> None:
        await self.phone.get_by_role("textbox", name="Message").fill(text)
        await self.phone.get_by_role("button", name="Send").click()

    async def menu(self, text: str) -> None:
        """Open what can be done with a message."""
        row = self.row(text).first
        await row.hover()
        await row.locator(".more").click()

    async def about(self, action: str) -> None:
        """Do what stands in the chat's own menu."""
        await self.phone.get_by_role("button", name="About this chat").click()
        await self.sheet.get_by_role("button", name=action).click()


OpenHandset = Callable[..., Awaitable[Handset]]


@pytest_asyncio.fixture(loop_scope="module")
async def open_handset(shop: Shop, open_page: OpenPage) -> OpenHandset:
    """Open the page with a phone that has written, and its chat with the shop."""

    async def open_one(phone: str = PHONE, *, chat: str | None = "Sample Bicycles", **options: Any) -> Handset:
        if not shop.sandbox.network.windows_of(phone):
            await shop.set_phone(phone=phone, name=f"Customer {phone[-2:]}")
            await shop.phone_writes(phone=phone)
        page = await open_page(shop.page_url, **options)
        handset = Handset(page, page.locator(f"[data-phone='{phone}']"))
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await expect(handset.phone.locator(".chats")).to_contain_text("hello")
        if chat is None:
            await handset.show_chats()
        else:
            await handset.open_chat(chat)
        return handset

    return open_one
