"""What is kept of a number that is being connected: a new source, or what is new of one that is there already."""

from typing import Any

from waypost.ports import ProviderSource
from waypost.store.directory import Snapshot, Source
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor, add_source, alter_source
from waypost.web.manage.requests import SourceChange, SourceCreation

ConnectionRequest = type[SourceCreation] | type[SourceChange]


def connected_before(snapshot: Snapshot, account_id: str, phone_number_id: str) -> Source | None:
    """Return the account's source of this number, None if it is not connected yet, or is another account's."""
    source = snapshot.sources_by_phone_number_id.get(phone_number_id)
    return source if source is not None and source.account_id == account_id else None


def connection_request(
    before: Source | None,
    identity: ProviderSource,
    *,
    name: str,
    phone_number: str,
    waba_id: str,
    app_secret: str | None,
    operators_secret: str | None,
    is_default: bool,
) -> tuple[ConnectionRequest, dict[str, Any]]:
    """
    Return the request to make, and its members; those that are None are to be left out of it.

    ``operators_secret`` is that of the operator's own app, None for none: it is not kept with the source.
    """
    own_secret = None if app_secret == operators_secret else app_secret
    members: dict[str, Any] = {
        "name": name,
        "phone_number": phone_number,
        "waba_id": waba_id,
        "provider": identity.provider,
        "is_default": is_default or None,
    }
    if before is None:
        secrets = {"access_token": identity.access_token, "app_secret": own_secret}
        return SourceCreation, {**members, **secrets, "phone_number_id": identity.phone_number_id}
    secrets = {
        "access_token": None if identity.access_token == before.access_token else identity.access_token,
        "app_secret": None if own_secret == before.app_secret else own_secret,
    }
    return SourceChange, {**members, **{word: secret for word, secret in secrets.items() if secret is not None}}


def keep_connection(
    tx: Tx,
    editor: Editor,
    account_id: str,
    before: Source | None,
    request: SourceCreation | SourceChange,
    *,
    default_provider: str,
) -> str:
    """Carry the request out and return the source's id. Raises ``Problem``."""
    if isinstance(request, SourceCreation):
        record, _ = add_source(tx, editor, account_id, request, default_provider=default_provider)
        return record.id
    assert before is not None
    return alter_source(tx, editor, account_id, before.id, request).id
