"""
What ``waypost doctor`` looks at. Each check yields findings; one that fails says what to do.

A check that rests on another is left out when that one has failed: one cause, one line.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from waypost.app.foundation import open_blobs
from waypost.cli.exits import CommandFailure
from waypost.cli.opening import DirectStore, load_settings, opened_store
from waypost.cli.provider import provider_urls
from waypost.domain.errors import SendFailure
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY
from waypost.outbound.http import HttpClient, OutboundError, Timeouts
from waypost.ports import SystemClock
from waypost.providers.cloud_api.client import CloudApiClient
from waypost.settings import Settings
from waypost.settings_text import SettingsError
from waypost.store.connections import ConnectionLost, UnsafeDatabaseError, connector_for
from waypost.store.directory import Source
from waypost.store.probing import find_missing_wall, read_database_time_us, touch
from waypost.store.sealing import SealBrokenError

COMMIT_SECONDS_MAX: Final = 0.5
CLOCK_SECONDS_MAX: Final = 5.0
_COMMITS: Final = 5
_ANSWER_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; ``advice`` says what to do, and is empty when all is well."""

    check: str
    is_good: bool
    found: str
    advice: str = ""


def check_all(data_dir: Path | None, database_url: str | None) -> Iterator[Finding]:
    """Yield a finding for each check, as soon as it is made."""
    try:
        settings = load_settings(data_dir, database_url)
    except SettingsError as error:
        for line in error.lines:
            yield _bad("settings", line, "Correct it; docs/settings.md explains every setting.")
        return
    yield _good("settings", f"complete; data in {settings.data_dir}")
    yield asyncio.run(_check_blobs(settings))
    try:
        with opened_store(data_dir, database_url) as store:
            yield from _check_database(store)
            try:
                snapshot = store.read(store.snapshot)
            except (SealBrokenError, SettingsError) as error:
                yield _bad("master key", str(error), "Restore the key that the secrets were sealed with.")
                return
            yield _good("master key", "opens every secret in the database")
            database_time_us = store.read(read_database_time_us)
    except CommandFailure as failure:
        yield _bad("database", failure.text, failure.hint)
        return
    except (ConnectionLost, UnsafeDatabaseError) as error:
        yield _bad("database", str(error), "See that it runs, and that WAYPOST_DATABASE_URL is right.")
        return
    sources = list(snapshot.sources.values())
    yield from asyncio.run(_collect(_check_upstream(settings, sources, database_time_us)))


def _check_database(store: DirectStore) -> Iterator[Finding]:
    connector_for(store.settings.database_url).check()
    yield _good("database", "up to date, and flushes what it acknowledges")
    cure = store.read(find_missing_wall)
    if cure is not None:
        found = "PostgreSQL does not hold the accounts apart: the role for work on their behalf is missing"
        yield _bad("wall between accounts", found, f"As an administrator: {cure} Then: waypost migrate")
    elif store.read(lambda tx: tx.has_wall):
        yield _good("wall between accounts", "PostgreSQL shows work for one account no other's rows")
    seconds = []
    for _ in range(_COMMITS):
        started = time.perf_counter()
        store.write(lambda tx: touch(tx, now_us=SystemClock().now_us()))
        seconds.append(time.perf_counter() - started)
    median = sorted(seconds)[_COMMITS // 2]
    found = f"a commit takes {median * 1000:.1f} ms"
    if median > COMMIT_SECONDS_MAX:
        yield _bad("database speed", found, "Put the database on a faster disk, or nearer.")
    else:
        yield _good("database speed", found)


async def _check_blobs(settings: Settings) -> Finding:
    try:
        problem = await open_blobs(settings).check()
    except OSError as error:
        problem = str(error)
    if problem is not None:
        return _bad("files", problem, "See that WAYPOST_BLOB_URL can be written by this user, and is not full.")
    return _good("files", f"written, read and removed at {settings.blob_url}")


async def _collect(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


async def _check_upstream(
    settings: Settings, sources: list[Source], database_time_us: int | None
) -> AsyncIterator[Finding]:
    base_urls = provider_urls(settings)
    http = AiohttpClient(policy=OPERATOR_POLICY, timeouts=Timeouts(total_seconds=15.0, read_seconds=8.0))
    try:
        used = sorted({base_urls[source.provider] for source in sources})
        yield await _check_clock(http, used, database_time_us)
        if not sources:
            yield _good("numbers", "none is connected yet; connect one: waypost sources connect --help")
        provider = CloudApiClient(http, base_urls=base_urls, clock=SystemClock())
        for source in sources:
            async for finding in _check_source(provider, settings, source):
                yield finding
    finally:
        await http.close()


async def _check_clock(http: HttpClient, base_urls: list[str], database_time_us: int | None) -> Finding:
    advice = "Synchronise this machine's clock (chrony or systemd-timesyncd)."
    if database_time_us is not None:
        apart = abs(database_time_us - SystemClock().now_us()) / 1_000_000
        found = f"{apart:.1f} s apart from the database's"
        return _good("clock", found) if apart <= CLOCK_SECONDS_MAX else _bad("clock", found, advice)
    for base_url in base_urls:
        try:
            answer = await http.request("GET", base_url, headers={}, body_bytes_max=_ANSWER_BYTES_MAX)
            theirs = parsedate_to_datetime(answer.headers["date"])
        except (OutboundError, KeyError, ValueError):
            continue
        apart = abs(theirs.timestamp() - time.time())
        found = f"{apart:.0f} s apart from that of {urlsplit(base_url).hostname}"
        return _good("clock", found) if apart <= CLOCK_SECONDS_MAX else _bad("clock", found, advice)
    return _good("clock", "not compared: no other clock could be reached")


async def _check_source(provider: CloudApiClient, settings: Settings, source: Source) -> AsyncIterator[Finding]:
    name = f"number {source.name}"
    if source.paused_reason is not None:
        yield _bad(name, f"is paused: {source.paused_reason}", f"When it is mended: waypost sources resume {source.id}")
    facts = await provider.get_phone_number(source.identity)
    if isinstance(facts, SendFailure):
        was_answered = facts.http_status is not None
        advice = (
            f"Give it a lasting token: waypost sources change {source.id} --new-access-token < token.txt"
            if was_answered
            else "See that this machine can reach the provider; WAYPOST_GRAPH_URL says where it is looked for."
        )
        yield _bad(f"{name}, credentials", facts.detail, advice)
        return
    if facts.status and facts.status != "CONNECTED":
        yield _bad(f"{name}, credentials", f"the provider says {facts.status}", "Register the number at the provider.")
    else:
        yield _good(f"{name}, credentials", f"accepted; verified name {facts.verified_name or 'not told'}")
    url = f"{settings.base_url}/webhooks/cloud_api/{source.id}"
    if source.app_secret is None and settings.app_secret is None:
        yield _bad(
            f"{name}, webhooks",
            "no app secret is known, so every webhook is refused",
            f"Set it: WAYPOST_SOURCE_APP_SECRET=... waypost sources change {source.id}",
        )
    apps = await provider.get_subscribed_apps(source.identity, waba_id=source.waba_id)
    if isinstance(apps, SendFailure):
        yield _bad(f"{name}, webhooks", apps.detail, "See that the token may manage the business account.")
    elif not apps:
        yield _bad(
            f"{name}, webhooks",
            "no app is subscribed to the business account, so no status will ever come",
            f"Subscribe it (POST /{{waba}}/subscribed_apps), with the callback URL {url}",
        )
    else:
        yield _good(f"{name}, webhooks", f"{len(apps)} app(s) subscribed; ours listens at {url}")


def _good(check: str, found: str) -> Finding:
    return Finding(check=check, is_good=True, found=found)


def _bad(check: str, found: str, advice: str) -> Finding:
    return Finding(check=check, is_good=False, found=found, advice=advice)
