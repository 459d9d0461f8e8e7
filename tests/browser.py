"""
A real Chromium for tests of pages: one process for all tests, a fresh context for each, and no console error unseen.

A conftest takes in `browser_address`, and makes fixtures of `connected` and `watched_pages` for the event loop that its
servers run in; see tests/handset/conftest.py.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright
from tools.chromium import find_chromium

__all__ = [
    "OpenPage",
    "Watch",
    "axe_findings",
    "axe_findings_of_themes",
    "browser_address",
    "connected",
    "watch_of",
    "watched_pages",
]

PATIENCE_MS = 15_000
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    # Whatever is not on this machine has no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
)
# Counts what a policy refused, from before the page's own scripts run, and what an injected script would call.
_WATCH_SCRIPT = """
window.watched = {violations: [], scripts: 0};
window.ran = () => { window.watched.scripts += 1; };
document.addEventListener("securitypolicyviolation", (event) =>
  window.watched.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# What htmx says of a request that ends because its page is left; one that fails has `responseError` or `sendError`.
_LEFT_WHILE_ASKING = "htmx:(sendAbort|afterRequest),"
# Only violations are described in full: of the thousand nodes of a long page nearly all pass.
_CONTRAST = '{resultTypes: ["violations"], runOnly: ["color-contrast"]}'
_ALL_BUT_CONTRAST = '{resultTypes: ["violations"], rules: {"color-contrast": {enabled: false}}}'
# Measuring contrast takes a millisecond or two a text, and what it comes to is the same for all that look alike. A few
# of each kind are taken: axe-core does not judge a text that is covered, and none of less than two letters.
_TEXTS_OF_EACH_KIND = """{include: (() => {
  const behind = new Map([[null, ""]]);
  const backgroundOf = (element) => {
    if (!behind.has(element)) {
      const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
      behind.set(element, backgroundOf(element.parentElement) + [backgroundColor, backgroundImage, opacity, position]);
    }
    return behind.get(element);
  };
  const isSeen = (element) => element.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const isText = (node) => node.nodeType === Node.TEXT_NODE && /\\p{L}.*\\p{L}/su.test(node.data);
  const kinds = new Map();
  for (const element of document.body.querySelectorAll("*")) {
    const {color, fontSize, fontWeight, textShadow} = getComputedStyle(element);
    const isOff = element.matches(":disabled") || element.closest("[aria-disabled=true], fieldset:disabled, label");
    const kind = [element.tagName, Boolean(isOff), color, fontSize, fontWeight, textShadow, backgroundOf(element)].join();
    const hasText = [...element.childNodes].some(isText) || element.matches("input, textarea, select");
    if (hasText && isSeen(element)) kinds.set(kind, [...kinds.get(kind) ?? [], element].slice(0, 3));
  }
  return [...kinds.values()].flat();
})()}"""
_AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()


@dataclass
class Watch:
    """What went wrong in the pages of one test; `allowed` are patterns of console errors that the test provokes."""

    allowed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def on_request(self, request: Request) -> None:
        if not re.match(r"(https?://(127\.0\.0\.1|localhost)(:\d+)?/|data:|blob:|about:)", request.url):
            self.left.append(request.url)

    def unexpected(self) -> list[str]:
        allowed = [_LEFT_WHILE_ASKING, *self.allowed]
        return [error for error in self.errors if not any(re.search(one, error) for one in allowed)]


OpenPage = Callable[..., Awaitable[Page]]
_watches: dict[BrowserContext, Watch] = {}


def watch_of(page: Page) -> Watch:
    """Return what is watched of a page's context, to allow an error that the test provokes."""
    return _watches[page.context]


@pytest.fixture(scope="session")
def browser_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the browser of this test process; give the address to connect to."""
    directory = tmp_path_factory.mktemp("browser")
    program = find_chromium()
    process = subprocess.Popen(
        [program, *_ARGUMENTS, f"--user-data-dir={directory}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    with (directory / "stderr").open("wb") as log, process, _ended(process):
        for line in process.stderr:
            log.write(line)
            if found := re.search(rb"DevTools listening on (ws://\S+)", line):
                break
        else:
            pytest.fail(f"{program} did not start: {(directory / 'stderr').read_text(errors='replace')[-2000:]}")
        yield found[1].decode()


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        # Its own session: the browser and all its children, and nothing else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@asynccontextmanager
async def connected(browser_address: str) -> AsyncIterator[Browser]:
    """Connect to the browser from the running event loop; about half a second, so better once for a module's loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(browser_address)
        yield browser
        await browser.close()


@asynccontextmanager
async def watched_pages(browser: Browser) -> AsyncIterator[OpenPage]:
    """
    Give what opens pages: `await open_page(url, width=390, theme="dark")`; more keywords are the context's.

    At the end it is an AssertionError if any page logged an error, threw, broke its content security policy, ran what it
    did not bring, or asked for anything that is not on this machine.
    """
    contexts: list[BrowserContext] = []

    async def open_one(url: str, *, width: int = 1440, height: int = 900, theme: str = "light", **options: Any) -> Page:
        options |= {"viewport": {"width": width, "height": height}, "color_scheme": theme}
        context = await browser.new_context(**options)
        contexts.append(context)
        watch = _watches[context] = Watch()
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", watch.on_console)
        context.on("weberror", lambda error: watch.errors.append(f"thrown: {error.error}"))
        context.on("request", watch.on_request)
        await context.add_init_script(_WATCH_SCRIPT)
        page = await context.new_page()
        await page.goto(url)
        return page

    try:
        yield open_one
        problems: list[str] = []
        for context in contexts:
            watch = _watches[context]
            for page in context.pages:
                seen: Any = await page.evaluate("window.watched ?? {violations: [], scripts: 0}")
                problems += [f"violation: {one}" for one in seen["violations"]]
                problems += ["a script ran that the page did not bring"] * seen["scripts"]
            problems += watch.unexpected() + [f"left the machine: {url}" for url in watch.left]
        assert problems == [], problems  # spelt out: asserts of this module are not rewritten
    finally:
        for context in contexts:
            _watches.pop(context, None)
            await context.close()


async def axe_findings_of_themes(page: Page) -> list[str]:
    """Return what axe-core finds of a light page, and then, of the same page in the dark, of contrast: no more changes."""
    found = [f"light: {finding}" for finding in await axe_findings(page)]
    await page.emulate_media(color_scheme="dark")
    await page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")
    found += [f"dark: {finding}" for finding in await _axe_run(page, _TEXTS_OF_EACH_KIND, _CONTRAST)]
    await page.emulate_media(color_scheme="light")
    return found


async def axe_findings(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical; it is evaluated by the debugger, which no policy forbids."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE)  # half a megabyte: once for each document
    return await _axe_run(page, "document", _ALL_BUT_CONTRAST) + await _axe_run(page, _TEXTS_OF_EACH_KIND, _CONTRAST)


async def _axe_run(page: Page, where: str, options: str) -> list[str]:
    found: Any = await page.evaluate(f"window.axe.run({where}, {options})")
    return [
        f"{one['impact']} {one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
