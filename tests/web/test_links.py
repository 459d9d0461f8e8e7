"""The redirect behind tracked links, by itself: open to everybody, so bounded, and told once."""

from collections.abc import Callable
from typing import Any

import pytest

from waypost.domain.links import PLACE_OF_CTA, LinkTracker
from waypost.ports import SystemClock, UuidFactory
from waypost.store.directory import EMPTY
from waypost.store.engine import StoreUnavailableError
from waypost.store.statements import Sql
from waypost.web.reports.links import LinkApp

ID = "3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63"
LINKS = LinkTracker(base_url="https://links.example.org", key=b"k")
PATH = LINKS.link(ID, PLACE_OF_CTA).removeprefix("https://links.example.org")
STORED = '{"definition":{"type":"cta_url","action":{"parameters":{"url":"https://shop.example.org/h"}}}}'


class Clock(SystemClock):
    """Time stands still."""

    def monotonic(self) -> float:
        return 7.0


class Store:
    """A database that has one message, or is away; it is its own transaction."""

    def __init__(self, stored: str | None) -> None:
        self.stored = stored

    async def read(self, operation: Callable[["Store"], str | None]) -> str | None:
        if self.stored is None:
            raise StoreUnavailableError("away")
        return operation(self)

    def one(self, _sql: Sql, *, ids: list[str]) -> tuple[Any, ...] | None:
        return (ID, "a", "s", "", "interactive", self.stored, 1, None) if ids == [ID] else None


class Directory:
    now = EMPTY


async def head(app: LinkApp, path: str = PATH) -> tuple[int, dict[bytes, bytes]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": "HEAD", "path": path, "headers": []}, None, send)
    return sent[0]["status"], dict(sent[0]["headers"])


def app_over(stored: str | None, *, clicks_per_second_max: float = 100) -> LinkApp:
    return LinkApp(
        LINKS,
        Store(stored),
        Directory(),
        Clock(),
        UuidFactory(),
        clicks_per_second_max=clicks_per_second_max,
        on_told=lambda: None,
    )


async def test_more_than_the_limit_are_asked_to_wait_and_forged_links_count_for_nothing():
    app = app_over(STORED, clicks_per_second_max=20)

    forged = [(await head(app, PATH[:-1] + "!"))[0] for _ in range(50)]
    answers = [await head(app) for _ in range(25)]

    assert forged == [404] * 50
    followed = [status for status, _ in answers].count(302)
    assert 10 <= followed <= 20
    assert [status for status, _ in answers] == [302] * followed + [429] * (25 - followed)
    assert int(answers[-1][1][b"retry-after"]) >= 1


@pytest.mark.parametrize(("stored", "status"), [(STORED, 302), ("", 404), (None, 503)])
async def test_a_link_whose_message_is_gone_looks_like_one_that_never_was(stored, status):
    found, headers = await head(app_over(stored))

    assert found == status
    assert headers[b"cache-control"] == b"no-store"
    assert headers.get(b"location") == (b"https://shop.example.org/h" if status == 302 else None)
