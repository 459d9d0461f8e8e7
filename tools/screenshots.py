"""
Take a picture of every page: `make screenshots`.

Starts a demo of its own, uses it as people would, signs in, and follows the links of the console to one page of each
kind. Each is taken at 1440 and at 390 pixels, light and dark, into `var/screenshots/`; the README's own are written to
`docs/assets/`.
"""

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tools.chromium import find_chromium
from tools.environment import ROOT
from tools.showcase import Furnisher, Place

OUTPUT: Final = ROOT / "var" / "screenshots"
ASSETS: Final = ROOT / "docs" / "assets"
WIDTHS: Final = (1440, 390)
THEMES: Final = ("light", "dark")
FOR_README: Final = {
    "sandbox-handset": "handset.png",
    "messages-id": "console-message.png",
    "conversations-id": "console-conversation.png",
}
CHROMIUM_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
_ID: Final = re.compile(r"(?<=/)(?:[0-9a-f]{8}-[0-9a-f-]{27}|[\w.~=-]{20,}|[^/]*\d{3}[^/]*)(?=/|$)")
_NO_PAGES: Final = re.compile(r"/(content|part|live|result\.[a-z]+|static/.*|sign-out)$")
_PASSWORD: Final = "seven green bicycles"
_READY_SECONDS: Final = 60.0


def kind_of(path: str) -> str:
    """Return which kind of page a path leads to: the path with its ids made alike."""
    return _ID.sub("id", path).rstrip("/")


async def sign_in_first(page: Page, base_url: str, code: str) -> None:
    """Make the first user of the console, and be signed in."""
    await page.goto(f"{base_url}/console/first-run")
    await page.get_by_label("Code", exact=True).fill(code)
    await page.get_by_label("Name", exact=True).fill("admin")
    await page.get_by_label("Password", exact=True).fill(_PASSWORD)
    await page.get_by_role("button", name="Make the user").click()
    await page.wait_for_url("**/console/")


async def find_pages(
    page: Page, start: str, *, on_page: Callable[[str], Awaitable[None]] | None = None
) -> dict[str, str]:
    """Follow the links below the path of ``start``; return one URL for each kind, told of while its page is shown."""
    below = urlsplit(start).path.split("/")[1]
    found: dict[str, str] = {}
    waiting = [start]
    while waiting:
        url = waiting.pop(0)
        kind = kind_of(urlsplit(url).path)
        if kind in found:
            continue
        found[kind] = url
        await page.goto(url)
        links = await page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
        if on_page is not None:
            await on_page(kind)
        for link in links:
            parts = urlsplit(link)
            is_page = parts.path.startswith(f"/{below}/") and "export=" not in parts.query
            if is_page and parts.netloc == urlsplit(start).netloc and not _NO_PAGES.search(parts.path):
                waiting.append(link.partition("#")[0])
    return found


@asynccontextmanager
async def running_demo(directory: Path) -> AsyncIterator[tuple[Place, str, str]]:
    """Start a demo; give its place, the first-run code, and the handset's URL."""
    command = [sys.executable, "-m", "waypost.cli", "demo", "--port", "0", "--data-dir", str(directory)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        code = ""
        async with asyncio.timeout(_READY_SECONDS):
            assert process.stdout is not None
            async for line in process.stdout:
                if b"first visit: code" in line:
                    code = line.decode().split()[-1]
                if b"step by step" in line:
                    break
        facts = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
        place = Place(
            base_url=facts["base_url"],
            sandbox_url=facts["sandbox_url"],
            api_key=facts["api_key"],
            source_id=facts["source_id"],
            source_phone=facts["source_phone"],
            picture=directory / "picture.png",
        )
        drain = asyncio.create_task(process.stdout.read())
        yield place, code, facts["handset_url"]
        drain.cancel()
    finally:
        process.terminate()
        await process.wait()


async def take(directory: Path) -> int:
    """Take all pictures; return how many."""
    async with running_demo(directory) as (place, code, handset_url), async_playwright() as playwright:
        async with aiohttp.ClientSession() as http:
            await Furnisher(http, place).furnish()
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGUMENTS))
        context = await browser.new_context()
        page = await context.new_page()
        pages = {"console/sign-in": f"{place.base_url}/console/first-run"}
        taken = await _take_all(browser, context, pages)
        await sign_in_first(page, place.base_url, code)
        pages = await find_pages(page, f"{place.base_url}/console/")
        pages["sandbox/handset"] = handset_url
        pages["inspector"] = f"{place.sandbox_url}/inspector/"
        pages["sandbox"] = f"{place.sandbox_url}/sandbox/"
        pages["docs"] = f"{place.base_url}/docs"
        taken += await _take_all(browser, context, pages)
        await browser.close()
    return taken


async def _take_all(browser: Browser, context: BrowserContext, pages: dict[str, str]) -> int:
    state = await context.storage_state()
    for theme in THEMES:
        for width in WIDTHS:
            viewed = await browser.new_context(
                storage_state=state, viewport={"width": width, "height": 900}, color_scheme=theme
            )
            for kind, url in pages.items():
                page = await viewed.new_page()
                await page.goto(url)
                await page.wait_for_load_state("load")
                name = kind.strip("/").removeprefix("console").strip("/").replace("/", "-") or "overview"
                path = OUTPUT / f"{width}-{theme}" / f"{name}.png"
                await page.screenshot(path=path, full_page="handset" not in kind)
                if width == WIDTHS[0] and theme == THEMES[0] and name in FOR_README:
                    await page.screenshot(path=ASSETS / FOR_README[name])
                await page.close()
            await viewed.close()
    return len(pages) * len(THEMES) * len(WIDTHS)


def main(arguments: list[str]) -> int:
    """Take the pictures, and say where they are."""
    argparse.ArgumentParser(prog="python -m tools.screenshots", description=(__doc__ or "").strip()).parse_args(
        arguments
    )
    shutil.rmtree(OUTPUT, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        taken = asyncio.run(take(Path(directory)))
    print(f"{taken} pictures in {OUTPUT.relative_to(ROOT)}/, the README's in {ASSETS.relative_to(ROOT)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
