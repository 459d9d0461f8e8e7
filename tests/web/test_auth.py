"""Who gets in, who does not, and what is counted."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from waypost.store.accounts import create_account, create_key, find_key, mint_key, revoke_key
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.migrate import migrate
from waypost.store.sealing import Sealer
from waypost.web.auth import SCOPES, Authenticator, Scope
from waypost.web.key_use import KeyUseRecorder

NOW_US = 1_930_000_000_000_000


@dataclass
class _Clock:
    us: int = NOW_US
    seconds: float = 1_000.0

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class _Gate:
    database: Database
    directory: Directory
    clock: _Clock = field(default_factory=_Clock)
    authenticator: Authenticator = field(init=False)

    def __post_init__(self) -> None:
        self.authenticator = Authenticator(self.directory, self.clock)

    async def key(self, *scopes: Scope, expires_at_us: int | None = None) -> tuple[str, bytes]:
        minted = mint_key()
        await self.database.write(
            lambda tx: create_key(
                tx,
                account_id="a",
                key=minted,
                name="k",
                scopes=frozenset(scopes),
                now_us=NOW_US,
                expires_at_us=expires_at_us,
            )
        )
        await self.directory.refresh()
        return minted.id, b"Bearer " + minted.token.encode()


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[_Gate]:
    url = f"sqlite:///{tmp_path}/waypost.db"
    migrate(url)
    database = Database(connector_for(url))
    await database.start()
    await database.write(lambda tx: create_account(tx, account_id="a", name="A", now_us=NOW_US))
    yield _Gate(database, Directory(database, Sealer([b"k" * 32])))
    await database.stop()


async def test_a_key_lets_its_account_in_with_its_scopes(gate: _Gate) -> None:
    key_id, header = await gate.key(Scope.MESSAGES_SEND)

    principal = gate.authenticator.authenticate(header)

    assert principal is not None
    assert ("a", key_id, "A") == (principal.account_id, principal.key_id, principal.account.name)
    assert principal.may("messages.send")
    assert not principal.may("messages.look_up")
    assert not principal.is_operator


async def test_everything_but_the_whole_right_header_is_refused(gate: _Gate) -> None:
    _, header = await gate.key(Scope.MESSAGES_SEND)
    wrong_end = b"0" if header[-1:] != b"0" else b"1"
    refused = [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        header[7:],
        b"Basic " + header[7:],
        header[:-1],
        header[:-1] + wrong_end,
        header + b" ",
        b"Bearer  " + header[7:],
        header.upper(),
        b"Bearer \xff\xfe" + b"x" * 70,
        b"Bearer eyJhbGciOi.eyJzdWIi.c2ln",
        b"Bearer wp__" + b"x" * 60,
    ]

    assert [None] * len(refused) == [gate.authenticator.authenticate(one) for one in refused]


async def test_a_revoked_key_ends_with_the_next_snapshot(gate: _Gate) -> None:
    key_id, header = await gate.key(Scope.MESSAGES_SEND)
    assert gate.authenticator.authenticate(header) is not None

    await gate.database.write(lambda tx: revoke_key(tx, "a", key_id, now_us=NOW_US))
    await gate.directory.refresh()

    assert gate.authenticator.authenticate(header) is None


async def test_a_key_ends_at_its_expiry(gate: _Gate) -> None:
    _, header = await gate.key(Scope.MESSAGES_SEND, expires_at_us=NOW_US + 10)

    gate.clock.us = NOW_US + 9
    before = gate.authenticator.authenticate(header)
    gate.clock.us = NOW_US + 10
    after = gate.authenticator.authenticate(header)

    assert before is not None
    assert after is None


async def test_the_operator_may_do_everything_and_nobody_what_has_no_scope(gate: _Gate) -> None:
    _, header = await gate.key(Scope.MANAGE)

    principal = gate.authenticator.authenticate(header)

    assert principal is not None
    assert all(principal.may(operation) for operation in SCOPES)
    assert not principal.may("messages.invented")


async def test_fifty_bad_tries_from_one_address_are_refused_and_more_are_throttled(gate: _Gate) -> None:
    answers = [gate.authenticator.note_failure(b"Bearer x", address="198.51.100.1") for _ in range(51)]
    elsewhere = gate.authenticator.note_failure(b"Bearer x", address="198.51.100.2")
    gate.clock.seconds += 60.0
    later = gate.authenticator.note_failure(b"Bearer x", address="198.51.100.1")

    assert answers[:50] == [None] * 50
    assert answers[50] == 60
    assert elsewhere is None
    assert later is None


async def test_bad_tries_at_one_key_id_are_throttled_from_whatever_address(gate: _Gate) -> None:
    token = b"Bearer " + mint_key().token.encode()

    answers = [gate.authenticator.note_failure(token, address=f"198.51.100.{n}") for n in range(51)]

    assert answers[:50] == [None] * 50
    assert answers[50] is not None


async def test_a_right_key_passes_while_its_address_is_throttled(gate: _Gate) -> None:
    _, header = await gate.key(Scope.MESSAGES_SEND)
    for _ in range(60):
        gate.authenticator.note_failure(b"Bearer x", address="198.51.100.1")

    assert gate.authenticator.authenticate(header) is not None


async def test_failures_from_countless_addresses_share_one_bounded_count(gate: _Gate) -> None:
    answers = [gate.authenticator.note_failure(None, address=f"address-{n}") for n in range(10_060)]

    assert answers[:10_050] == [None] * 10_050
    assert None not in answers[10_050:]


async def test_the_last_use_is_recorded_in_batches(gate: _Gate) -> None:
    key_id, header = await gate.key(Scope.MESSAGES_SEND)
    recorder = KeyUseRecorder(gate.database, gate.authenticator)
    gate.authenticator.authenticate(header)
    before = await gate.database.read(lambda tx: find_key(tx, "a", key_id))

    await recorder.record()

    after = await gate.database.read(lambda tx: find_key(tx, "a", key_id))
    assert before is not None
    assert after is not None
    assert (before.last_used_at_us, after.last_used_at_us) == (None, NOW_US)
    assert gate.authenticator.take_uses() == {}
