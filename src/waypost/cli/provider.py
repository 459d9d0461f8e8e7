"""The provider, asked by a command: with its own client, for as long as the command runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from waypost.cli.http import read_demo_file
from waypost.cli.opening import DirectStore
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY
from waypost.outbound.http import Timeouts
from waypost.ports import SystemClock
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.settings import Settings
from waypost.store.transaction import Tx

Result = TypeVar("Result")


def provider_urls(settings: Settings) -> dict[str, str]:
    """Return where each provider is, the sandbox of a running demo included."""
    sandbox_url = settings.sandbox_url or read_demo_file(settings.data_dir).get("sandbox_url") or settings.graph_url
    return {"meta": settings.graph_url, "sandbox": sandbox_url}


def ask_provider(settings: Settings, ask: Callable[[GraphCalls], Awaitable[Result]]) -> Result:
    """Run what asks the provider to its end, and return what came of it."""

    async def run() -> Result:
        http = AiohttpClient(policy=OPERATOR_POLICY, timeouts=Timeouts(total_seconds=30.0, read_seconds=17.0))
        try:
            return await ask(GraphCalls(http, base_urls=provider_urls(settings), clock=SystemClock()))
        finally:
            await http.close()

    return asyncio.run(run())


class CommandStore:
    """A command's database, in the form of ``template_desk.Store``; a command does one thing at a time."""

    def __init__(self, store: DirectStore) -> None:
        self._store = store

    async def write(self, operation: Callable[[Tx], Result], *, account_id: str | None) -> Result:
        """See ``Store``; on PostgreSQL the work is held to the account's rows."""
        return self._store.write(lambda tx: operation(tx if account_id is None else tx.for_account(account_id)))
