"""What one installation keeps for itself: the key of its correlation tokens, and how far policy time has come."""

import secrets
from typing import Final

from waypost.store.sealing import Sealer, sealed_key_id
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_PLACE: Final = "meta/token_key/value"
_KEEP = Sql("INSERT INTO meta (name, value) VALUES ('token_key', :value) ON CONFLICT (name) DO NOTHING")
_FIND = Sql("SELECT value FROM meta WHERE name = 'token_key'")
_HOLD = Sql("SELECT value FROM meta WHERE name = 'token_key' FOR UPDATE")
_SAVE = Sql("UPDATE meta SET value = :value WHERE name = 'token_key'")

_POLICY_CLOCK = Sql("SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'policy_clock_us'")
_RAISE_POLICY_CLOCK = Sql(
    "INSERT INTO meta (name, value) VALUES ('policy_clock_us', :now_us) ON CONFLICT (name) DO UPDATE "
    "SET value = excluded.value WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)"
)


def load_policy_clock(tx: Tx) -> int:
    """Return how far policy time has come, in microseconds; 0 at the very beginning."""
    row = tx.one(_POLICY_CLOCK)
    return 0 if row is None else int(row[0])


def raise_policy_clock(tx: Tx, *, now_us: int) -> None:
    """Keep how far policy time has come; an earlier time changes nothing."""
    tx.run(_RAISE_POLICY_CLOCK, now_us=str(now_us))


def load_token_key(tx: Tx, sealer: Sealer) -> bytes:
    """Return the install's token key, made at the first call; every node of one database gets the same."""
    tx.run(_KEEP, value=sealer.seal(secrets.token_hex(32), place=_PLACE).hex())
    row = tx.one(_FIND)
    assert row is not None
    return bytes.fromhex(sealer.open(bytes.fromhex(row[0]), place=_PLACE))


def token_key_id(tx: Tx) -> str | None:
    """Return the id of the master key that the token key is sealed with; None before there is one."""
    row = tx.one(_FIND)
    return None if row is None else sealed_key_id(bytes.fromhex(row[0]))


def reseal_token_key(tx: Tx, sealer: Sealer) -> bool:
    """Seal the token key with the newest master key; say whether there was anything to do. Raises SealBrokenError."""
    row = tx.one(_HOLD)
    if row is None or sealed_key_id(bytes.fromhex(row[0])) == sealer.key_ids[0]:
        return False
    opened = sealer.open(bytes.fromhex(row[0]), place=_PLACE)
    tx.run(_SAVE, value=sealer.seal(opened, place=_PLACE).hex())
    return True
