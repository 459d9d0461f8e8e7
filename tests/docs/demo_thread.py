"""The demo on a thread of its own, for tests that are other programs' readers: shells, and calls that block."""

import asyncio
import contextlib
import io
import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gateway.conftest import settings_for

from waypost.app.demo import build_demo, demo_settings
from waypost.app.foundation import open_foundation
from waypost.service import run_services

START_SECONDS_MAX = 60.0
_SHORT_WAITS = {
    "notify": {"schedule_seconds": [0, 0.2, 0.4, 0.8, 1.5, 3, 3, 5, 5, 5]},
    # Pages write to one phone again and again.
    "dispatch": {"pair_interval_seconds": 0.05},
}


@dataclass(frozen=True, kw_only=True)
class DemoThread:
    """A demo that runs; all calls block."""

    data_dir: Path
    base_url: str
    sandbox_url: str
    source_phone: str
    api_key: str

    def writes(self, phone: str) -> None:
        """Let a phone write to the shop, and wait until the gateway has heard it."""
        message = {"to": self.source_phone, "type": "text", "text": {"body": "hello"}}
        self._ask("POST", f"{self.sandbox_url}/sandbox/phones/{phone}/messages", message)
        for _ in range(500):
            answer = self._ask("POST", f"{self.base_url}/api/v2/consent/", {"phone_number": phone})
            if answer["status"] == "success":
                return
            threading.Event().wait(0.02)
        raise TimeoutError(f"the gateway did not hear {phone}")

    def mend(self) -> None:
        """Take all faults away."""
        self._ask("DELETE", f"{self.sandbox_url}/sandbox/faults")
        self._ask("DELETE", f"{self.sandbox_url}/inspector/behaviour")

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def running_demo(data_dir: Path) -> Iterator[DemoThread]:
    """Run a demo until the block ends; an error of its own ends the block with that error."""
    found: list[DemoThread] = []
    errors: list[BaseException] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def tell(demo: DemoThread) -> None:
        found.append(demo)
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_serve(data_dir, stop, tell))
        except BaseException as error:  # noqa: BLE001 - raised again where the block ends
            errors.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run, name="demo")
    thread.start()
    try:
        assert ready.wait(START_SECONDS_MAX), "the demo did not start"
        if found:
            yield found[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS_MAX)
    if errors:
        raise errors[0]


async def _serve(data_dir: Path, stop: asyncio.Event, tell) -> None:
    settings = settings_for(data_dir, f"sqlite:///{data_dir}/waypost.db", **_SHORT_WAITS)
    demo = await build_demo(await open_foundation(demo_settings(settings)))

    def announce() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            demo.announce(has_users=False)
        tell(
            DemoThread(
                data_dir=data_dir,
                base_url=f"http://127.0.0.1:{demo.gateway.server.port}",
                sandbox_url=demo.gateway.foundation.settings.sandbox_url or "",
                source_phone=demo.account.source_phone,
                api_key=demo.account.api_key,
            )
        )

    await run_services(demo.services, drain_seconds=10, on_ready=announce, stop=stop, handle_signals=False)
