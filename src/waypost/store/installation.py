"""What one installation keeps for itself: the key its correlation tokens are made with."""

import secrets
from typing import Final

from waypost.store.sealing import Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_PLACE: Final = "meta/token_key/value"
_KEEP = Sql("INSERT INTO meta (name, value) VALUES ('token_key', :value) ON CONFLICT (name) DO NOTHING")
_FIND = Sql("SELECT value FROM meta WHERE name = 'token_key'")


def load_token_key(tx: Tx, sealer: Sealer) -> bytes:
    """Return the install's token key, made at the first call; every node of one database gets the same."""
    tx.run(_KEEP, value=sealer.seal(secrets.token_hex(32), place=_PLACE).hex())
    row = tx.one(_FIND)
    assert row is not None
    return bytes.fromhex(sealer.open(bytes.fromhex(row[0]), place=_PLACE))
