"""The media the sandbox holds: uploads of businesses, files of phones, and what links led to."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.clock import now_us
from waypost.sandbox.journal import Journal

_DAY_US = 86_400 * 1_000_000
# Cloud API media page, Sep 2026: ids of uploads live 30 days, ids in webhooks 7 days.
UPLOAD_LIFE_US = 30 * _DAY_US
INBOUND_LIFE_US = 7 * _DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """One stored file of the number `phone_number_id`. `sha256` is hex; `origin` is upload, phone or link."""

    media_id: str
    phone_number_id: str
    mime_type: str
    sha256: str
    size_bytes: int
    filename: str | None
    origin: str
    expires_us: int

    @property
    def sha256_base64(self) -> str:
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


class MediaStore:
    """Bytes by id, in memory or, with a data directory, as one file each."""

    def __init__(self, journal: Journal, data_dir: Path | None, *, url_seconds: float) -> None:
        self._journal = journal
        self._dir = None if data_dir is None else data_dir / "media"
        self._url_us = int(url_seconds * 1e6)
        self._media: dict[str, Medium] = {}
        self._bytes: dict[str, bytes] = {}
        # URLs die with the process; who holds one asks for a new one, as after five minutes.
        self._url_key = os.urandom(32)

    def add(self, data: bytes, *, phone_number_id: str, mime_type: str, filename: str | None, origin: str) -> Medium:
        """Store bytes and return what they are now called. Blocks on the disk: call it in a thread for big files."""
        life_us = INBOUND_LIFE_US if origin == "phone" else UPLOAD_LIFE_US
        medium = Medium(
            media_id=ids.object_id(),
            phone_number_id=phone_number_id,
            mime_type=mime_type,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            filename=filename,
            origin=origin,
            expires_us=now_us() + life_us,
        )
        if self._dir is None:
            self._bytes[medium.media_id] = data
        else:
            self._dir.mkdir(parents=True, exist_ok=True)
            unfinished = self._dir / f"{medium.media_id}.part"
            unfinished.write_bytes(data)
            unfinished.rename(self._dir / medium.media_id)
        return medium

    def keep(self, medium: Medium) -> None:
        """Make stored bytes known under their id; on the event loop, after `add`."""
        self._media[medium.media_id] = medium
        self._journal.write({"kind": "medium", **{name: getattr(medium, name) for name in Medium.__slots__}})

    def find(self, media_id: str) -> Medium | None:
        """Return a medium that has neither been deleted nor expired."""
        medium = self._media.get(media_id)
        return None if medium is None or medium.expires_us <= now_us() else medium

    def find_for_view(self, media_id: str) -> Medium | None:
        """Return a medium even after its id has expired for the Graph API."""
        return self._media.get(media_id)

    def read(self, medium: Medium) -> bytes:
        """Return the bytes. Blocks on the disk."""
        if self._dir is None:
            return self._bytes[medium.media_id]
        return (self._dir / medium.media_id).read_bytes()

    def delete(self, medium: Medium) -> None:
        """Forget the id; phones that have received the file keep it."""
        self._media.pop(medium.media_id, None)
        self._journal.write({"kind": "medium_deleted", "media_id": medium.media_id})

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        match record["kind"]:
            case "medium":
                fields = {name: value for name, value in record.items() if name != "kind"}
                self._media[record["media_id"]] = Medium(**fields)
            case "medium_deleted":
                self._media.pop(record["media_id"], None)
            case _:
                pass

    def url_query(self, medium: Medium) -> str:
        """Return the query of a download URL that works from now for the set time."""
        expires_us = now_us() + self._url_us
        return f"mid={medium.media_id}&ext={expires_us}&hash={self._sign(medium.media_id, expires_us)}"

    def find_by_query(self, query: dict[str, str]) -> Medium | None:
        """Return the medium of a download URL's query; None when forged, run out or deleted."""
        media_id, expires, sign = query.get("mid", ""), query.get("ext", ""), query.get("hash", "")
        if not expires.isdecimal() or int(expires) <= now_us():
            return None
        if not hmac.compare_digest(sign, self._sign(media_id, int(expires))):
            return None
        return self.find(media_id)

    def _sign(self, media_id: str, expires_us: int) -> str:
        return hmac.digest(self._url_key, f"{media_id}.{expires_us}".encode(), "sha256").hex()[:32]
