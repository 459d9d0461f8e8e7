"""An acceptor over each database, with one account, one source, and a recipient who may be written to."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from waypost.accept.acceptor import Acceptor
from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.ports import SystemClock, UuidFactory
from waypost.store.accounts import AccountSwitches, create_account
from waypost.store.connections import connector_for
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.directory import Account, Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.sources import NewSource, create_source
from waypost.store.statements import InsertMany
from waypost.store.tables import MEDIA_ASSETS, WINDOWS
from waypost.store.transaction import Tx

RECIPIENT = "12025550143"
MEDIA_ID = "e4a61b0f-8c27-4d59-b3f2-70d9158ac6e1"
HOUR_US = 3600 * 1_000_000


@dataclass
class House:
    """What an acceptance test stands on."""

    database: Database
    directory: Directory
    acceptor: Acceptor
    account: Account
    source_id: str


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    database = Database(connector_for(database_url))
    await database.start()
    sealer, ids, clock = Sealer([b"k" * 32]), UuidFactory(), SystemClock()
    directory = Directory(database, sealer)
    account_id, source_id = ids.new(), "417-220"

    def provide(tx: Tx) -> None:
        now_us = clock.now_us()
        create_account(tx, account_id=account_id, name="Bicycles", switches=AccountSwitches(), now_us=now_us)
        source = NewSource(
            id=source_id,
            account_id=account_id,
            name="Shop",
            phone_number="12025550199",
            phone_number_id="1000",
            waba_id="2000",
            provider="sandbox",
            access_token="token",
            verify_token="verify",
        )
        create_source(tx, sealer, source, now_us=now_us)
        open_to(tx, account_id, source_id, RECIPIENT)
        asset = (account_id, MEDIA_ID, "upload", "stored", "image", now_us)
        tx.write_many(
            InsertMany(MEDIA_ASSETS, ("account_id", "id", "origin", "state", "kind", "created_at_us")), [asset]
        )

    await database.write(provide)
    await directory.refresh()
    account = directory.now.accounts[account_id]
    yield House(database, directory, Acceptor(database, directory, clock, ids), account, source_id)
    await database.stop()


def open_to(tx: Tx, account_id: str, source_id: str, recipient: str) -> None:
    """Opt a recipient in, and open the window."""
    now_us = time.time_ns() // 1000
    evidence = (ConsentEvidence(recipient=recipient, source="WEB"),)
    write = ConsentWrite(account_id=account_id, action=ConsentAction.OPTIN, evidence=evidence, now_us=now_us)
    record_consents(tx, UuidFactory(), [write])
    columns = ("source_id", "recipient", "closes_at_us", "last_inbound_at_us")
    tx.write_many(InsertMany(WINDOWS, columns), [(source_id, recipient, now_us + 24 * HOUR_US, now_us)])
