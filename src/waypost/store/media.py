"""
Files: what an account holds, where a URL's content is kept, and what upstream holds of it.

Bytes are named by their digest and lie in the blob store; a row is written only once its bytes are durable there
(MED-1). An inbound file is ``pending`` until it has been fetched from the provider, then ``stored`` or ``failed``.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.message import Attachment
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import MEDIA_URLS, PROVIDER_MEDIA
from waypost.store.transaction import Row, Tx

PENDING: Final = "pending"
STORED: Final = "stored"
FAILED: Final = "failed"

ASSET_KEY: Final = "asset:"
URL_KEY: Final = "url:"

URL_FRESH_US: Final = 600 * 1_000_000
"""A URL's content is used this long without asking its server; the provider caches links for as long (Sep 2026)."""
PROVIDER_MARGIN_US: Final = 24 * 3600 * 1_000_000
"""An id at the provider with less life than this is made anew."""

MediaKey = tuple[str, str, str]
"""(account id, source id, ``asset:<media id>`` or ``url:<hex SHA-256 of the URL>``)."""

_READY_ASSETS: Final = Sql(
    """
    SELECT v.account_id, v.source_id, v.media_id, p.provider_media_id, m.kind, m.filename, m.mime_type, NULL
    FROM ROWS(:account_id text, :source_id text, :media_id text) AS v
    JOIN media_assets m ON m.account_id = v.account_id AND m.id = v.media_id
    JOIN provider_media p ON p.source_id = v.source_id AND p.digest = m.digest
    WHERE m.deleted_at_us IS NULL AND m.state = 'stored' AND m.kind IS NOT NULL AND p.expires_at_us > :alive_after_us
    """
)
_READY_URLS: Final = Sql(
    """
    SELECT v.account_id, v.source_id, v.url_key, p.provider_media_id, u.kind, u.filename, u.mime_type, u.checked_at_us
    FROM ROWS(:account_id text, :source_id text, :url_key text) AS v
    JOIN media_urls u ON u.account_id = v.account_id AND u.url_key = v.url_key
    JOIN provider_media p ON p.source_id = v.source_id AND p.digest = u.digest
    WHERE u.checked_at_us > :checked_after_us AND p.expires_at_us > :alive_after_us
    """
)
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
_FIND_URL: Final = Sql(
    "SELECT digest, mime_type, kind, size_bytes, filename, etag, last_modified, checked_at_us FROM media_urls "
    "WHERE account_id = :account_id AND url_key = :url_key"
)
_URL_COLUMNS: Final = (
    "account_id",
    "url_key",
    "digest",
    "mime_type",
    "kind",
    "size_bytes",
    "filename",
    "etag",
    "last_modified",
    "checked_at_us",
)
_SAVE_URL: Final = InsertMany(
    MEDIA_URLS,
    _URL_COLUMNS,
    on_conflict="(account_id, url_key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _URL_COLUMNS[2:]),
)
_FIND_PROVIDER_MEDIA: Final = Sql(
    "SELECT provider_media_id FROM provider_media "
    "WHERE source_id = :source_id AND digest = :digest AND expires_at_us > :alive_after_us"
)
_SAVE_PROVIDER_MEDIA: Final = InsertMany(
    PROVIDER_MEDIA,
    ("source_id", "digest", "provider_media_id", "expires_at_us"),
    on_conflict="(source_id, digest) DO UPDATE SET "
    "provider_media_id = excluded.provider_media_id, expires_at_us = excluded.expires_at_us",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMedia:
    """
    A file that upstream holds for a source; ``kind`` is a ``MediaKind``'s value.

    ``checked_at_us`` is when the server of its URL was last asked; None for a file that has no URL.
    """

    provider_media_id: str
    kind: str
    filename: str | None
    mime_type: str
    checked_at_us: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlContent:
    """What a URL led to when it was last looked at, and the server's validators for the next look."""

    digest: str
    mime_type: str
    kind: str
    size_bytes: int
    filename: str | None
    etag: str | None
    last_modified: str | None
    checked_at_us: int


def media_key_of(attachment: Attachment | None) -> str | None:
    """Return what a file is found by: ``asset:<media id>`` or ``url:<hex SHA-256 of the URL>``; None for none."""
    if attachment is None:
        return None
    if attachment.media_id is not None:
        return ASSET_KEY + attachment.media_id
    assert attachment.url is not None
    return URL_KEY + hashlib.sha256(attachment.url.encode()).hexdigest()


def load_provider_media(tx: Tx, keys: Sequence[MediaKey], now_us: int) -> dict[MediaKey, ReadyMedia]:
    """
    Return what upstream holds of these files for at least one more day, by key; keys without are left out.

    A URL's content counts only if its server was asked within ``URL_FRESH_US``. At most two statements, whatever the
    number of keys.
    """
    ready: dict[MediaKey, ReadyMedia] = {}
    for prefix, statement, column, times in (
        (ASSET_KEY, _READY_ASSETS, "media_id", {}),
        (URL_KEY, _READY_URLS, "url_key", {"checked_after_us": now_us - URL_FRESH_US}),
    ):
        asked = sorted({key for key in keys if key[2].startswith(prefix)})
        if not asked:
            continue
        parameters: dict[str, object] = {
            "account_id": [key[0] for key in asked],
            "source_id": [key[1] for key in asked],
            column: [key[2].removeprefix(prefix) for key in asked],
            "alive_after_us": now_us + PROVIDER_MARGIN_US,
            **times,
        }
        for account_id, source_id, name, provider_media_id, kind, filename, mime_type, checked_at_us in tx.rows(
            statement, **parameters
        ):
            ready[account_id, source_id, prefix + name] = ReadyMedia(
                provider_media_id=provider_media_id,
                kind=kind,
                filename=filename,
                mime_type=mime_type,
                checked_at_us=checked_at_us,
            )
    return ready


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


def find_url(tx: Tx, account_id: str, url_key: str) -> UrlContent | None:
    """Return what is known of a URL's content; ``url_key`` is the hex SHA-256 of the URL."""
    row = tx.one(_FIND_URL, account_id=account_id, url_key=url_key)
    if row is None:
        return None
    return UrlContent(
        digest=row[0],
        mime_type=row[1],
        kind=row[2],
        size_bytes=row[3],
        filename=row[4],
        etag=row[5],
        last_modified=row[6],
        checked_at_us=row[7],
    )


def save_url(tx: Tx, account_id: str, url_key: str, content: UrlContent) -> None:
    """Keep what a URL led to, in place of what was known."""
    row = (
        account_id,
        url_key,
        content.digest,
        content.mime_type,
        content.kind,
        content.size_bytes,
        content.filename,
        content.etag,
        content.last_modified,
        content.checked_at_us,
    )
    tx.write_many(_SAVE_URL, [row])


def find_provider_media(tx: Tx, source_id: str, digest: str, *, alive_after_us: int) -> str | None:
    """Return the provider's id of a file for a source, if it lives beyond a time."""
    row = tx.one(_FIND_PROVIDER_MEDIA, source_id=source_id, digest=digest, alive_after_us=alive_after_us)
    return None if row is None else str(row[0])


def save_provider_media(tx: Tx, source_id: str, digest: str, *, provider_media_id: str, expires_at_us: int) -> None:
    """Keep the provider's id of a file for a source, in place of an older one."""
    tx.write_many(_SAVE_PROVIDER_MEDIA, [(source_id, digest, provider_media_id, expires_at_us)])


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
