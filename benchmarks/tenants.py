"""
Who sends in the benchmarks: accounts with a key, a number, a webhook and recipients who may be written to.

Written through the store's own operations; consents and windows, which there are many of, in bulk.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import uuid_utils

from waypost.domain.throttle import Pace
from waypost.store.accounts import create_account, create_key, mint_key
from waypost.store.connections import Connection
from waypost.store.endpoints import NewEndpoint, create_endpoint, new_webhook_secret
from waypost.store.installation import load_token_key
from waypost.store.sealing import Sealer
from waypost.store.sources import NewSource, create_source
from waypost.store.statements import InsertMany
from waypost.store.tables import CONSENTS, WINDOWS
from waypost.store.transaction import Tx

ACCOUNTS = 16
RECIPIENTS_EACH = 6_250
"""One hundred thousand in all: no recipient is written to often enough for the pacing of pairs to bind."""
APP_SECRET = "benchmark-app-secret"
DAY_US = 86_400 * 1_000_000

_INSERT_CONSENTS = InsertMany(CONSENTS, ("account_id", "recipient", "state", "changed_at_us"))
_INSERT_WINDOWS = InsertMany(WINDOWS, ("source_id", "recipient", "closes_at_us", "last_inbound_at_us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One account; `token` is its API key."""

    number: int
    account_id: str
    source_id: str
    phone_number_id: str
    endpoint_id: str
    token: str

    def recipient(self, place: int) -> str:
        """Return the number of one of its recipients; two more digits than any real number of this kind has."""
        return f"1202555{self.number:02d}{place % RECIPIENTS_EACH:05d}"


@dataclass(frozen=True, slots=True)
class Tenants:
    """All of them, and the key the gateway makes its tokens with."""

    all: tuple[Tenant, ...]
    token_key: bytes

    def turns(self, count: int) -> Iterator[tuple[Tenant, str]]:
        """Yield so many (tenant, recipient): tenants take turns, and each goes round its recipients."""
        for number in range(count):
            tenant = self.all[number % ACCOUNTS]
            yield tenant, tenant.recipient(number // ACCOUNTS)


def create_tenants(connection: Connection, sealer: Sealer, *, hook_port: int, has_endpoints: bool) -> Tenants:
    """Write all of it, in one transaction; webhooks lead to `/hook/<number>` on a port of this machine."""
    now_us = time.time_ns() // 1000
    connection.begin()
    tenants = tuple(
        _create_tenant(connection.tx, sealer, number, hook_port=hook_port, has_endpoint=has_endpoints, now_us=now_us)
        for number in range(ACCOUNTS)
    )
    token_key = load_token_key(connection.tx, sealer)
    for tenant in tenants:
        recipients = [tenant.recipient(place) for place in range(RECIPIENTS_EACH)]
        connection.tx.write_many(
            _INSERT_CONSENTS, [(tenant.account_id, recipient, "opted_in", now_us) for recipient in recipients]
        )
        connection.tx.write_many(
            _INSERT_WINDOWS, [(tenant.source_id, recipient, now_us + DAY_US, now_us) for recipient in recipients]
        )
    connection.commit()
    return Tenants(tenants, token_key)


def _create_tenant(tx: Tx, sealer: Sealer, number: int, *, hook_port: int, has_endpoint: bool, now_us: int) -> Tenant:
    account_id, source_id, endpoint_id = (str(uuid_utils.uuid7()) for _ in range(3))
    key = mint_key()
    create_account(tx, account_id=account_id, name=f"Shop {number}", now_us=now_us)
    create_key(
        tx,
        account_id=account_id,
        key=key,
        name="benchmark",
        scopes=frozenset({"messages:send", "messages:read"}),
        now_us=now_us,
    )
    create_source(
        tx,
        sealer,
        NewSource(
            id=source_id,
            account_id=account_id,
            name=f"Number {number}",
            phone_number=f"120255501{number:02d}",
            phone_number_id=f"1000000000000{number:02d}",
            waba_id="2000000000000",
            provider="sandbox",
            access_token="benchmark-access-token",
            verify_token="benchmark-verify-token",
            app_secret=APP_SECRET,
            # Meta's limits would be all there is to see.
            pace=Pace(10_000.0, 10_000),
        ),
        now_us=now_us,
    )
    if has_endpoint:
        create_endpoint(
            tx,
            sealer,
            NewEndpoint(
                id=endpoint_id,
                account_id=account_id,
                name="Hook",
                url=f"http://127.0.0.1:{hook_port}/hook/{number}",
                kinds=frozenset({"event"}),
                secret=new_webhook_secret(),
            ),
            now_us=now_us,
        )
    return Tenant(
        number=number,
        account_id=account_id,
        source_id=source_id,
        phone_number_id=f"1000000000000{number:02d}",
        endpoint_id=endpoint_id,
        token=key.token,
    )
