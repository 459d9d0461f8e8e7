"""A gateway's receiving half, and a hand to write the messages it hears of."""

import dataclasses
import itertools
from typing import Any

import orjson

from waypost.domain.message import MessageState
from waypost.domain.token import make_token
from waypost.observe import Metrics
from waypost.ports import UuidFactory
from waypost.providers.cloud_api.events import read_updates
from waypost.receive.ingester import Ingester
from waypost.receive.sorting import IngressScope
from waypost.store.accounts import create_account
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import ATTEMPTS, MESSAGES, SOURCES, WEBHOOK_ENDPOINTS

SECOND_US = 1_000_000
NOW_US = 1_790_000_000 * SECOND_US
TOKEN_KEY = b"a key for tests, of no further use"
ACCOUNT, OTHER_ACCOUNT = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"
PHONE = "12025550143"


class SettableClock:
    """Time that stands until it is set."""

    def __init__(self) -> None:
        self.at_us = NOW_US

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / SECOND_US


@dataclasses.dataclass
class Gateway:
    """What the tests hold: the ingester, and the database behind it."""

    database: Database
    directory: Directory
    clock: SettableClock
    ingester: Ingester
    metrics: Metrics
    told: list[None]
    numbers: itertools.count

    scope = IngressScope(account_id=ACCOUNT, app_secret="app secret")

    async def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        sql = Sql(statement)
        return await self.database.read(lambda tx: tx.rows(sql, **parameters))

    async def message(
        self,
        *,
        state: MessageState = MessageState.ACCEPTED,
        wamid: str | None = None,
        attempts: tuple[tuple[str | None, str | None], ...] = (("accepted", None),),
        source_id: str = "source-1",
        account_id: str = ACCOUNT,
        announced: int = 0,
        wait_reason: str | None = None,
    ) -> str:
        """Write a message as the dispatcher leaves it; ``attempts`` are (outcome, wamid), numbered from 1."""
        message_id = f"019300aa-0000-7000-8000-{next(self.numbers):012d}"
        row = (
            message_id,
            account_id,
            source_id,
            "417-220",
            PHONE,
            0,
            "text",
            1,
            int(state),
            NOW_US,
            NOW_US,
            "ticket-118",
        )
        row += ("{}", len(attempts), wamid, announced, wait_reason)
        columns = (
            "id", "account_id", "source_id", "source_given", "recipient", "is_group", "kind", "priority", "state",
            "due_at_us", "accepted_at_us", "caller_data", "content", "attempt_number", "wamid", "announced", "wait_reason",
        )  # fmt: skip
        tried = [
            (message_id, number, account_id, source_id, "node", 1, NOW_US, outcome, attempt_wamid)
            for number, (outcome, attempt_wamid) in enumerate(attempts, 1)
        ]
        attempt_columns = (
            "message_id", "number", "account_id", "source_id", "node", "epoch", "started_at_us", "outcome", "wamid",
        )  # fmt: skip

        def write(tx: Any) -> None:
            tx.write_many(InsertMany(MESSAGES, columns), [row])
            tx.write_many(InsertMany(ATTEMPTS, attempt_columns), tried)

        await self.database.write(write)
        return message_id

    def token(self, message_id: str, number: int = 1, account_id: str = ACCOUNT) -> str:
        return make_token(TOKEN_KEY, account_id=account_id, message_id=message_id, number=number)

    async def state(self, message_id: str) -> MessageState:
        [(state,)] = await self.rows("SELECT state FROM messages WHERE id = :id", id=message_id)
        return MessageState(state)

    async def bind(self, message_id: str, wamid: str) -> None:
        """Bind a message to the provider's id, as the dispatcher does when the answer came."""
        statement = Sql("UPDATE messages SET wamid = :wamid WHERE id = :id")
        await self.database.write(lambda tx: tx.run(statement, wamid=wamid, id=message_id))

    async def entries(self, subject_id: str, kind: str = "event") -> list[dict[str, Any]]:
        """Return what will be delivered about a subject, in order."""
        found = await self.rows(
            "SELECT entry FROM notifications WHERE subject_id = :id AND kind = :kind ORDER BY id",
            id=subject_id,
            kind=kind,
        )
        return [orjson.loads(entry) for (entry,) in found]

    async def posted(self, message_id: str) -> list[str]:
        """Return the statuses told of a message, in the order in which they will be delivered."""
        return [entry["status"] for entry in await self.entries(message_id)]

    def counted(self, name: str, **labels: str) -> float:
        """Return a counter's value; 0 if it never counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def write_directory(tx: Any, sealer: Sealer) -> None:
    """Write two accounts with a webhook each: the first has two sources, the second one."""
    for account_id in (ACCOUNT, OTHER_ACCOUNT):
        create_account(tx, account_id=account_id, name=account_id, now_us=NOW_US)
    columns = (
        "id", "account_id", "name", "phone_number", "phone_number_id", "waba_id", "provider", "access_token_sealed",
        "app_secret_sealed", "verify_token_sealed", "shard", "created_at_us",
    )  # fmt: skip
    rows = [
        (
            source_id, account_id, source_id, number, number_id, "waba", "sandbox",
            sealer.seal("token", place=f"sources/{source_id}/access_token"),
            None if secret is None else sealer.seal(secret, place=f"sources/{source_id}/app_secret"),
            sealer.seal("verify me", place=f"sources/{source_id}/verify_token"),
            0, NOW_US,
        )
        for source_id, account_id, number, number_id, secret in (
            ("source-1", ACCOUNT, "12025550199", "111", "app secret"),
            ("source-2", ACCOUNT, "12025550198", "222", None),
            ("source-3", OTHER_ACCOUNT, "12025550197", "333", "other secret"),
            ("source-4", OTHER_ACCOUNT, "12025550196", "444", None),
        )
    ]  # fmt: skip
    tx.write_many(InsertMany(SOURCES, columns), rows)
    endpoint_columns = ("id", "account_id", "name", "url", "kinds", "secret_sealed", "created_at_us")
    endpoints = [
        (
            f"hook-{account_id}", account_id, "hook", "http://127.0.0.1/", '["incoming","event","notice"]',
            sealer.seal("whsec", place=f"webhook_endpoints/hook-{account_id}/secret"), NOW_US,
        )
        for account_id in (ACCOUNT, OTHER_ACCOUNT)
    ]  # fmt: skip
    tx.write_many(InsertMany(WEBHOOK_ENDPOINTS, endpoint_columns), endpoints)


async def open_gateway(database: Database) -> Gateway:
    """Open the receiving half; the accounts and sources are written if the database has none yet."""
    sealer = Sealer([b"k" * 32])
    if not await database.read(lambda tx: tx.rows(Sql("SELECT 1 FROM accounts"))):
        await database.write(lambda tx: write_directory(tx, sealer))
    written = await database.read(lambda tx: tx.rows(Sql("SELECT COUNT(*) FROM messages")))
    directory = Directory(database, sealer)
    await directory.refresh()
    clock, metrics, told = SettableClock(), Metrics(), []
    ingester = Ingester(
        database,
        directory,
        clock,
        UuidFactory(),
        parse=read_updates,
        token_key=TOKEN_KEY,
        metrics=metrics,
        on_told=lambda: told.append(None),
    )
    return Gateway(database, directory, clock, ingester, metrics, told, itertools.count(written[0][0] + 1))
