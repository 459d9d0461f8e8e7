"""
Files that nobody uses any more, and the bytes that nothing refers to.

A file goes in two steps. First it is deleted for its account, so that no new message can name it; hours later, when no
message waits with it, its row goes, and with the last row of a digest the bytes. That second step holds the tables of
references while it looks and removes the bytes, so no reference can appear in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from waypost.store.provider_media import ASSET_KEY
from waypost.store.statements import Dialect, Sql
from waypost.store.transaction import Tx

AssetKey = tuple[str, str]
"""(account id, media id)."""

_WALK: Final = Sql(
    "SELECT account_id, id, state, digest, created_at_us, deleted_at_us FROM media_assets "
    "WHERE (account_id, id) > (:account_id, :after) ORDER BY account_id, id LIMIT :places"
)
_LATELY_USED: Final = Sql(
    # An id at the provider is made on use, and one that has run out has not been used since.
    "SELECT DISTINCT digest FROM provider_media WHERE digest = ANY(:digests) AND expires_at_us > :since_us"
)
_AWAITED: Final = tuple(
    # One statement for each partial index over unsent messages, in the index's own words.
    Sql(f"SELECT DISTINCT media_key FROM messages WHERE {condition} AND media_key = ANY(:media_keys)")  # noqa: S608
    for condition in ("state = 30", "state IN (10, 20) AND due_at_us >= 0", "state IN (40, 50)")
)
_DELETE: Final = Sql(
    "UPDATE media_assets SET deleted_at_us = :now_us, due_at_us = NULL "
    "WHERE account_id = :account_id AND id = :id AND deleted_at_us IS NULL AND state <> 'pending'"
)
_LOCK_REFERENCES: Final = Sql("LOCK TABLE media_assets, media_urls IN SHARE ROW EXCLUSIVE MODE")
_REMOVE: Final = Sql(
    "DELETE FROM media_assets WHERE account_id = :account_id AND id = :id AND deleted_at_us <= :before_us "
    "RETURNING digest"
)
_REFERENCED: Final = Sql(
    "SELECT v.digest FROM ROWS(:digest text, :place integer) AS v "
    "WHERE EXISTS (SELECT 1 FROM media_assets a WHERE a.digest = v.digest) "
    "OR EXISTS (SELECT 1 FROM media_urls u WHERE u.digest = v.digest)"
)
_FORGET_PROVIDER_MEDIA: Final = Sql("DELETE FROM provider_media WHERE digest = ANY(:digests)")
_OLD_URLS: Final = Sql("SELECT account_id, url_key FROM media_urls WHERE checked_at_us <= :until_us LIMIT :places")
_TAKE_URL: Final = Sql(
    "DELETE FROM media_urls WHERE account_id = :account_id AND url_key = :url_key AND checked_at_us <= :until_us "
    "RETURNING digest, mime_type, kind, size_bytes"
)
_KEEP_AS_DELETED: Final = Sql(
    "INSERT INTO media_assets (account_id, id, origin, state, digest, mime_type, kind, size_bytes, created_at_us, "
    "deleted_at_us) VALUES (:account_id, :id, 'url', 'stored', :digest, :mime_type, :kind, :size_bytes, :now_us, "
    ":now_us)"
)
_OLD_PROVIDER_MEDIA: Final = Sql(
    "DELETE FROM provider_media WHERE (source_id, digest) IN "
    "(SELECT source_id, digest FROM provider_media WHERE expires_at_us <= :until_us LIMIT :places)"
)


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """A file's row, as far as its age matters; ``digest`` is None until its bytes are stored."""

    account_id: str
    id: str
    state: str
    digest: str | None
    created_at_us: int
    deleted_at_us: int | None


def walk_assets(tx: Tx, after: AssetKey, *, places: int) -> list[StoredAsset]:
    """Return the next files behind a key, deleted ones too."""
    rows = tx.rows(_WALK, account_id=after[0], after=after[1], places=places)
    return [StoredAsset(*row) for row in rows]


def find_in_use(tx: Tx, assets: Sequence[StoredAsset], *, since_us: int) -> set[AssetKey]:
    """Return those that may have been sent since a time, or that an unsent message still waits with."""
    digests = [asset.digest for asset in assets if asset.digest is not None]
    used = {row[0] for row in tx.rows(_LATELY_USED, digests=digests, since_us=since_us)}
    awaited = find_awaited(tx, [(asset.account_id, asset.id) for asset in assets])
    return awaited | {(asset.account_id, asset.id) for asset in assets if asset.digest in used}


def find_awaited(tx: Tx, keys: Sequence[AssetKey]) -> set[AssetKey]:
    """Return those that an unsent message names; the cost follows the backlog."""
    media_keys = [ASSET_KEY + media_id for _, media_id in keys]
    awaited = {row[0] for sql in _AWAITED for row in tx.rows(sql, media_keys=media_keys)}
    return {key for key in keys if ASSET_KEY + key[1] in awaited}


def delete_unused(tx: Tx, keys: Sequence[AssetKey], *, now_us: int) -> int:
    """Delete files for their accounts; rows and bytes stay until ``remove_deleted``. Return how many."""
    return sum(tx.run(_DELETE, account_id=account_id, id=media_id, now_us=now_us) for account_id, media_id in keys)


def remove_deleted(
    tx: Tx, keys: Sequence[AssetKey], *, before_us: int, delete_blob: Callable[[str], None]
) -> tuple[int, int]:
    """
    Remove files deleted before a time, and the bytes that only they referred to; return how many of each.

    ``delete_blob`` removes the bytes of a digest, and may be called again for one that is gone. If it raises, the rows
    stay, deleted as they are, and the next call does the rest.
    """
    if tx.dialect is Dialect.POSTGRESQL:
        tx.run(_LOCK_REFERENCES)
    removed = [row[0] for key in keys for row in tx.rows(_REMOVE, account_id=key[0], id=key[1], before_us=before_us)]
    digests = sorted({digest for digest in removed if digest is not None})
    referenced = {row[0] for row in tx.rows(_REFERENCED, digest=digests, place=list(range(len(digests))))}
    orphans = [digest for digest in digests if digest not in referenced]
    tx.run(_FORGET_PROVIDER_MEDIA, digests=orphans)
    for digest in orphans:
        delete_blob(digest)
    return len(removed), len(orphans)


def find_old_urls(tx: Tx, *, until_us: int, places: int) -> list[tuple[str, str]]:
    """Return (account id, url key) of URLs whose content was last asked for before a time."""
    return [(row[0], row[1]) for row in tx.rows(_OLD_URLS, until_us=until_us, places=places)]


def retire_url(tx: Tx, account_id: str, url_key: str, *, new_id: str, until_us: int, now_us: int) -> bool:
    """Forget what a URL led to, and keep its content as a deleted file until ``remove_deleted``; False if in use."""
    row = tx.one(_TAKE_URL, account_id=account_id, url_key=url_key, until_us=until_us)
    if row is None:
        return False
    tx.run(
        _KEEP_AS_DELETED,
        account_id=account_id,
        id=new_id,
        digest=row[0],
        mime_type=row[1],
        kind=row[2],
        size_bytes=row[3],
        now_us=now_us,
    )
    return True


def forget_old_provider_media(tx: Tx, *, until_us: int, places: int) -> int:
    """Forget ids at the provider that ran out before a time; return how many."""
    return tx.run(_OLD_PROVIDER_MEDIA, until_us=until_us, places=places)
