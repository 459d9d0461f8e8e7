"""The demo's account: made at the first start, found again at later ones."""

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from waypost.app.foundation import Foundation
from waypost.app.private_files import write_private
from waypost.store.accounts import MintedKey, create_account, create_key, hash_key, key_id_of, mint_key
from waypost.store.endpoints import NewEndpoint, change_endpoint, create_endpoint, new_webhook_secret
from waypost.store.sources import NewSource, create_source, new_verify_token
from waypost.store.transaction import Tx
from waypost.web.auth import ACCOUNT_SCOPES

STATE_FILE = "demo-account.json"
SOURCE_PHONE = "12025550199"
PHONE = "12025550143"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """What the demo has made; kept beside the database in a file of mode 0600, since it holds open secrets."""

    account_id: str
    api_key: str = field(repr=False)
    source_id: str
    source_phone: str
    phone: str
    phone_number_id: str
    waba_id: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    endpoint_id: str
    webhook_secret: str = field(repr=False)


async def provide_account(foundation: Foundation, *, sandbox_url: str) -> DemoAccount:
    """Return the demo's account; a second start returns the same, with its webhook at today's address."""
    path = foundation.settings.data_dir / STATE_FILE
    url = f"{sandbox_url}/inspector/webhooks"
    known = _read(path)
    account = known or _invent(foundation)
    if known is None or account.account_id not in foundation.directory.now.accounts:
        # The file comes first: a start that dies in between finds it, and creates the account it names.
        _write(path, account)
        await foundation.database.write(lambda tx: _create(tx, foundation, account, url))
    else:
        await foundation.database.write(
            lambda tx: change_endpoint(
                tx,
                foundation.sealer,
                account.account_id,
                account.endpoint_id,
                lambda before: replace(before, url=url),
            )
        )
    await foundation.directory.refresh()
    return account


def _invent(foundation: Foundation) -> DemoAccount:
    new_id = foundation.ids.new
    return DemoAccount(
        account_id=new_id(),
        api_key=mint_key().token,
        source_id=new_id(),
        source_phone=SOURCE_PHONE,
        phone=PHONE,
        phone_number_id=_digits(15),
        waba_id=_digits(15),
        access_token=f"EAA{secrets.token_hex(24)}",
        app_secret=secrets.token_hex(16),
        verify_token=new_verify_token(),
        endpoint_id=new_id(),
        webhook_secret=new_webhook_secret(),
    )


def _create(tx: Tx, foundation: Foundation, account: DemoAccount, url: str) -> None:
    now_us = foundation.clock.now_us()
    create_account(tx, account_id=account.account_id, name="Demo", now_us=now_us)
    create_key(
        tx,
        account_id=account.account_id,
        key=_key(account.api_key),
        name="demo",
        scopes=frozenset(scope.value for scope in ACCOUNT_SCOPES),
        now_us=now_us,
    )
    create_source(
        tx,
        foundation.sealer,
        NewSource(
            id=account.source_id,
            account_id=account.account_id,
            name="Demo shop",
            phone_number=account.source_phone,
            phone_number_id=account.phone_number_id,
            waba_id=account.waba_id,
            provider="sandbox",
            access_token=account.access_token,
            verify_token=account.verify_token,
            app_secret=account.app_secret,
            is_default=True,
        ),
        now_us=now_us,
    )
    create_endpoint(
        tx,
        foundation.sealer,
        NewEndpoint(
            id=account.endpoint_id,
            account_id=account.account_id,
            name="inspector",
            url=url,
            kinds=frozenset({"incoming", "event"}),
            secret=account.webhook_secret,
        ),
        now_us=now_us,
    )


def _key(token: str) -> MintedKey:
    return MintedKey(id=key_id_of(token) or "", token=token, secret_hash=hash_key(token))


def _digits(count: int) -> str:
    return str(secrets.choice("123456789")) + "".join(secrets.choice("0123456789") for _ in range(count - 1))


def _read(path: Path) -> DemoAccount | None:
    try:
        return DemoAccount(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(path: Path, account: DemoAccount) -> None:
    write_private(path, json.dumps(asdict(account), indent=1))
