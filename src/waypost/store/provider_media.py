"""What upstream holds of files, and what URLs led to: how an attachment comes to an id at the provider."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.message import Attachment
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import MEDIA_URLS, PROVIDER_MEDIA
from waypost.store.transaction import Tx

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
