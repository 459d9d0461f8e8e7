"""
A gateway to make requests of, alive for a whole run: the role that answers clients, on SQLite, and a sandbox beside it.

The other roles are away, so nothing that a made-up request leaves behind (a webhook's URL, an attachment's) is ever
called. It runs on a thread with a loop of its own, since who makes the requests is another program.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.accept.conftest import open_to

from waypost.app.foundation import Foundation, open_foundation
from waypost.app.gateway import Gateway
from waypost.sandbox import SandboxSettings, build_sandbox, serve
from waypost.service import run_services
from waypost.settings import Settings
from waypost.store.accounts import create_account, create_key, key_id_of, mint_key
from waypost.store.media import insert_upload
from waypost.store.sources import NewSource, create_source
from waypost.web.auth import Scope
from waypost.web.contract_schemas import MEDIA_ID, SOURCE_ID

START_SECONDS_MAX = 60.0
ACCOUNT_ID = "operator"
PHONE_NUMBER_ID = "110000000000001"
WABA_ID = "120000000000001"
ACCESS_TOKEN = "EAAofthesandbox"
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


@dataclass(frozen=True, kw_only=True)
class OpenHouse:
    """Where the gateway answers, and an operator's key, which opens every operation."""

    url: str
    key: str = field(repr=False)

    @property
    def own_ids(self) -> tuple[str, ...]:
        """What a run must leave in use: the key, its account, and the source of the examples."""
        return (key_id_of(self.key) or "", ACCOUNT_ID, SOURCE_ID)


@contextlib.contextmanager
def open_house(directory: Path) -> Iterator[OpenHouse]:
    """Run the gateway until the block ends; an error of its own ends the block with that error."""
    found: list[OpenHouse] = []
    errors: list[BaseException] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_serve(directory, stop, lambda house: (found.append(house), ready.set())))
        except BaseException as error:  # noqa: BLE001 - raised again where the block ends
            errors.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run, name="open house")
    thread.start()
    try:
        assert ready.wait(START_SECONDS_MAX), "the gateway did not start"
        if found:
            yield found[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS_MAX)
    if errors:
        raise errors[0]


async def _serve(directory: Path, stop: asyncio.Event, tell) -> None:
    sandbox = build_sandbox(SandboxSettings(data_dir=directory / "sandbox"))
    reached = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(sandbox, "127.0.0.1", 0, reached.set_result))
        sandbox_url = await reached
        foundation = await open_foundation(_settings(directory, sandbox_url))
        key = await _furnish(foundation)
        sandbox.network.register_number(
            phone_number_id=PHONE_NUMBER_ID,
            display_phone_number="12025550198",
            waba_id=WABA_ID,
            access_token=ACCESS_TOKEN,
            app_secret="secret",
        )
        gateway = Gateway(foundation, frozenset({"accept"}))

        def announce() -> None:
            gateway.is_ready = True
            tell(OpenHouse(url=f"http://127.0.0.1:{gateway.server.port}", key=key))

        await run_services(gateway.services, drain_seconds=5.0, on_ready=announce, stop=stop, handle_signals=False)
        serving.cancel()


def _settings(directory: Path, sandbox_url: str) -> Settings:
    return Settings.load(
        env_file=None,
        data_dir=directory,
        database_url=f"sqlite:///{directory}/waypost.db",
        port=0,
        default_provider="sandbox",
        sandbox_url=sandbox_url,
        allow_http_urls=True,
        allowed_networks=["127.0.0.0/8"],
        log_level="error",
        # Every wrong key comes from one address here.
        limits={"login_failures_max": 1_000_000},
    )


async def _furnish(foundation: Foundation) -> str:
    """
    Make an operator's key and return it.

    The source, the file, and the recipient whose window is open are those of the document's examples, so that these
    are carried out as they stand.
    """
    minted, now_us = mint_key(), foundation.clock.now_us()
    digest = await foundation.blobs.put(PICTURE)

    def fill(tx) -> None:
        create_account(tx, account_id=ACCOUNT_ID, name="Operator", now_us=now_us)
        create_key(tx, account_id=ACCOUNT_ID, key=minted, name="run", scopes=frozenset({Scope.MANAGE}), now_us=now_us)
        create_source(
            tx,
            foundation.sealer,
            NewSource(
                id=SOURCE_ID,
                account_id=ACCOUNT_ID,
                name="Shop",
                phone_number="12025550198",
                phone_number_id=PHONE_NUMBER_ID,
                waba_id=WABA_ID,
                provider="sandbox",
                access_token=ACCESS_TOKEN,
                verify_token="verify",
                is_default=True,
                has_groups=True,
            ),
            now_us=now_us,
        )
        insert_upload(
            tx,
            account_id=ACCOUNT_ID,
            media_id=MEDIA_ID,
            digest=digest,
            mime_type="image/png",
            kind="image",
            size_bytes=len(PICTURE),
            filename="receipt.png",
            now_us=now_us,
        )
        open_to(tx, ACCOUNT_ID, SOURCE_ID, "12025550143")

    await foundation.database.write(fill)
    await foundation.directory.refresh()
    return minted.token
