"""Every page of the console in a real browser: no barriers, nothing wider than the screen, nothing left out."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page
from tests.browser import OpenPage, axe_findings, axe_findings_of_themes
from tests.console.conftest import PASSWORD, Office
from tools.screenshots import find_pages, kind_of
from tools.showcase import Furnisher, Place

from waypost.app.demo_story import write_picture
from waypost.web.console.app import console_routes

# Streams, files, and parts that a page fetches for itself: they are no pages, and no link leads a reader to them.
NO_PAGES = re.compile(
    r"^/(live|sign-in|first-run)$"
    r"|/(part|content|file|rows|preview|facts|result|tiles|health|head|thread|outcomes|older|more|fields|slots|ledger)$"
    r"|\.(csv|json|jsonl)$"
)


@pytest.fixture(scope="module")
def place(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Place:
    house = office.house
    return Place(
        base_url=house.base_url,
        sandbox_url=house.sandbox_url,
        api_key=house.api_key,
        source_id=house.source_id,
        source_phone=house.source_phone,
        picture=write_picture(tmp_path_factory.mktemp("picture")),
    )


async def signed_in(open_page: OpenPage, office: Office, name: str, **options: object) -> Page:
    page = await open_page(f"{office.house.base_url}/console/sign-in", **options)
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/")
    await page.request.post(
        f"{office.house.base_url}/console/account",
        form={
            "account_id": office.house.demo.account.account_id,
            "csrf_token": await page.locator("input[name=csrf_token]").first.input_value(),
        },
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    return page


async def test_every_page_is_free_of_barriers_and_fits_the_screen(office: Office, open_page: OpenPage, place: Place):
    await Furnisher(office.house.http, place).furnish()
    page = await signed_in(open_page, office, "admin")
    problems: list[str] = []

    async def examine(kind: str) -> None:
        problems.extend(f"{kind} {finding}" for finding in await axe_findings_of_themes(page))
        await page.set_viewport_size({"width": 390, "height": 900})
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        problems.extend([f"{kind}: {wide} pixels too wide"] if wide > 0 else [])
        await page.set_viewport_size({"width": 1440, "height": 900})

    pages = await find_pages(page, f"{office.house.base_url}/console/", on_page=examine)

    routes = {
        kind_of("/console" + re.sub(r"\{[^}]+\}", "0192f0c1-7f6a-7d3e-8b1c-000000000000", route.path))
        for route in console_routes(office.console)
        if route.method == "GET" and not NO_PAGES.search(route.path)
    }
    assert sorted(routes - pages.keys()) == [], "no link leads to these"
    assert problems == []


async def test_the_pages_before_signing_in_are_free_of_barriers(office: Office, open_page: OpenPage):
    for theme in ("light", "dark"):
        page = await open_page(f"{office.house.base_url}/console/sign-in", theme=theme)
        assert await axe_findings(page) == []
        assert urlsplit(page.url).path == "/console/sign-in"


async def test_a_text_that_is_faint_on_what_lies_behind_it_is_found_in_either_theme(
    office: Office, open_page: OpenPage
):
    page = await open_page(f"{office.house.base_url}/health/live")
    await page.set_content(
        """<!doctype html><html lang="en"><head><title>Faint</title><style>
        body{background:#fff} p,h1{color:#666} .grey{background:#999}
        @media (prefers-color-scheme:dark){body{background:#000} p,h1{color:#aaa} .light{background:#bbb}}
        </style></head><body><main><h1>Texts</h1>
        <p>on the page</p><div class="grey"><p>*</p><p>on grey</p></div><div class="light"><p>on light</p></div>
        </main></body></html>"""
    )

    found = await axe_findings_of_themes(page)

    assert ["light", "dark", "dark"] == [finding.partition(":")[0] for finding in found if "color-contrast" in finding]
    assert [] == [finding for finding in found if "color-contrast" not in finding]
