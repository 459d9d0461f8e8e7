"""
Files: what an account holds. What upstream holds of them is in ``store.provider_media``.

Bytes are named by their digest and lie in the blob store; a row is written only once its bytes are durable there
(MED-1). An inbound file is ``pending`` until it has been fetched from the provider, then ``stored`` or ``failed``.
"""

from dataclasses import dataclass
from typing import Final

from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

PENDING: Final = "pending"
STORED: Final = "stored"
FAILED: Final = "failed"

_ASSET_COLUMNS: Final = (
    "account_id, id, origin, state, digest, mime_type, kind, size_bytes, filename, source_id, created_at_us, attempts"
)
_FIND_ASSET: Final = Sql(
    f"SELECT {_ASSET_COLUMNS} FROM media_assets "  # noqa: S608
    "WHERE account_id = :account_id AND id = :media_id AND deleted_at_us IS NULL"
)
_INSERT_ASSET: Final = Sql(
    "INSERT INTO media_assets (account_id, id, origin, state, digest, mime_type, kind, size_bytes, filename, "
    "created_at_us) VALUES (:account_id, :media_id, 'upload', 'stored', :digest, :mime_type, :kind, :size_bytes, "
    ":filename, :now_us)"
)
_DELETE_ASSET: Final = Sql(
    "UPDATE media_assets SET deleted_at_us = :now_us, due_at_us = NULL "
    "WHERE account_id = :account_id AND id = :media_id AND deleted_at_us IS NULL"
)
_STORED_BYTES: Final = Sql(
    "SELECT COALESCE(SUM(size_bytes), 0) FROM media_assets WHERE account_id = :account_id AND deleted_at_us IS NULL"
)
_CLAIM_PENDING: Final = Sql(
    f"""
    UPDATE media_assets SET due_at_us = :until_us WHERE (account_id, id) IN (
        SELECT account_id, id FROM media_assets
        WHERE state = 'pending' AND due_at_us <= :now_us AND deleted_at_us IS NULL
        ORDER BY due_at_us LIMIT :at_most FOR UPDATE SKIP LOCKED
    ) RETURNING {_ASSET_COLUMNS}
    """  # noqa: S608
)
_END_PENDING: Final = Sql(
    "UPDATE media_assets SET state = :state, digest = :digest, "
    "mime_type = COALESCE(CAST(:mime_type AS TEXT), mime_type), kind = :kind, size_bytes = :size_bytes, "
    "due_at_us = :due_at_us, attempts = :attempts, failure_detail = :failure_detail "
    "WHERE account_id = :account_id AND id = :media_id AND state = 'pending'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """
    A file of an account, not deleted.

    ``digest`` and ``size_bytes`` are given once it is stored. ``kind`` is None for an inbound file of a type that
    cannot be sent. ``source_id`` is whose token fetches an inbound file.
    """

    account_id: str
    id: str
    origin: str
    state: str
    digest: str | None
    mime_type: str | None
    kind: str | None
    size_bytes: int | None
    filename: str | None
    source_id: str | None
    created_at_us: int
    attempts: int


def find_asset(tx: Tx, account_id: str, media_id: str) -> Asset | None:
    """Return one file of the account; a deleted one is none."""
    row = tx.one(_FIND_ASSET, account_id=account_id, media_id=media_id)
    return None if row is None else _asset(row)


def insert_upload(
    tx: Tx,
    *,
    account_id: str,
    media_id: str,
    digest: str,
    mime_type: str,
    kind: str,
    size_bytes: int,
    filename: str | None,
    now_us: int,
) -> None:
    """Keep an uploaded file, whose bytes are durable already."""
    tx.run(
        _INSERT_ASSET,
        account_id=account_id,
        media_id=media_id,
        digest=digest,
        mime_type=mime_type,
        kind=kind,
        size_bytes=size_bytes,
        filename=filename,
        now_us=now_us,
    )


def delete_asset(tx: Tx, account_id: str, media_id: str, *, now_us: int) -> bool:
    """Delete a file for the account; False if it has none such. The bytes go once nothing refers to them."""
    return tx.run(_DELETE_ASSET, account_id=account_id, media_id=media_id, now_us=now_us) == 1


def count_stored_bytes(tx: Tx, account_id: str) -> int:
    """Return how many bytes of files the account holds."""
    row = tx.one(_STORED_BYTES, account_id=account_id)
    return 0 if row is None else int(row[0])


def claim_pending(tx: Tx, *, now_us: int, until_us: int, at_most: int) -> list[Asset]:
    """Return inbound files that are due to be fetched; nobody else gets them before ``until_us``."""
    rows = tx.rows(_CLAIM_PENDING, now_us=now_us, until_us=until_us, at_most=at_most)
    return [_asset(row) for row in rows]


def store_inbound(tx: Tx, asset: Asset, *, digest: str, mime_type: str, kind: str | None, size_bytes: int) -> bool:
    """Note that an inbound file's bytes are durable; False if it is not pending any more."""
    return _end_pending(
        tx, asset, state=STORED, digest=digest, mime_type=mime_type, kind=kind, size_bytes=size_bytes, due_at_us=None
    )


def postpone_inbound(tx: Tx, asset: Asset, *, due_at_us: int, detail: str) -> bool:
    """Note that fetching failed and is tried again then."""
    return _end_pending(tx, asset, state=PENDING, kind=asset.kind, due_at_us=due_at_us, detail=detail)


def fail_inbound(tx: Tx, asset: Asset, *, detail: str) -> bool:
    """Note that an inbound file cannot be had."""
    return _end_pending(tx, asset, state=FAILED, kind=asset.kind, due_at_us=None, detail=detail)


def _end_pending(
    tx: Tx,
    asset: Asset,
    *,
    state: str,
    kind: str | None,
    due_at_us: int | None,
    digest: str | None = None,
    mime_type: str | None = None,
    size_bytes: int | None = None,
    detail: str | None = None,
) -> bool:
    changed = tx.run(
        _END_PENDING,
        account_id=asset.account_id,
        media_id=asset.id,
        state=state,
        digest=digest,
        mime_type=mime_type,
        kind=kind,
        size_bytes=size_bytes,
        due_at_us=due_at_us,
        attempts=asset.attempts + 1,
        failure_detail=detail,
    )
    return changed == 1


def _asset(row: Row) -> Asset:
    return Asset(
        account_id=row[0],
        id=row[1],
        origin=row[2],
        state=row[3],
        digest=row[4],
        mime_type=row[5],
        kind=row[6],
        size_bytes=row[7],
        filename=row[8],
        source_id=row[9],
        created_at_us=row[10],
        attempts=row[11],
    )
