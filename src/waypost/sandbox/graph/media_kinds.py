"""What bytes are, and what Meta takes of them (Cloud API media page, Sep 2026)."""

import zipfile
from io import BytesIO

import filetype  # type: ignore[import-untyped]

MEBIBYTE = 1024 * 1024
INBOUND_BYTES_MAX = 100 * MEBIBYTE

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OLE_TYPES = frozenset({"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"})
_ZIP_TYPES = {
    "word/": _OFFICE + "wordprocessingml.document",
    "xl/": _OFFICE + "spreadsheetml.sheet",
    "ppt/": _OFFICE + "presentationml.presentation",
}

# kind: (MIME types, largest size in bytes)
KINDS: dict[str, tuple[frozenset[str], int]] = {
    "audio": (frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}), 16 * MEBIBYTE),
    "document": (
        frozenset({"text/plain", "application/pdf", *_OLE_TYPES, *_ZIP_TYPES.values()}),
        100 * MEBIBYTE,
    ),
    "image": (frozenset({"image/jpeg", "image/png"}), 5 * MEBIBYTE),
    "sticker": (frozenset({"image/webp"}), 500 * 1024),
    "video": (frozenset({"video/3gpp", "video/mp4"}), 16 * MEBIBYTE),
}
STATIC_STICKER_BYTES_MAX = 100 * 1024

ALL_TYPES = tuple(sorted(mime for types, _ in KINDS.values() for mime in types))


def bare(mime_type: str) -> str:
    """Return a MIME type without its parameters, in lower case."""
    return mime_type.partition(";")[0].strip().lower()


def kind_of(mime_type: str) -> str | None:
    """Return the message kind that carries a MIME type, or None when Meta takes it for none."""
    wanted = bare(mime_type)
    return next((kind for kind, (types, _) in KINDS.items() if wanted in types), None)


def bytes_max(kind: str, data: bytes) -> int:
    """Return the largest size of a kind; a static sticker has a smaller one than an animated one."""
    if kind == "sticker" and not is_animated_webp(data):
        return STATIC_STICKER_BYTES_MAX
    return KINDS[kind][1]


def is_animated_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[12:16] == b"VP8X" and len(data) > 20 and bool(data[20] & 0x02)


def matches(data: bytes, mime_type: str) -> bool:
    """Tell whether bytes may be what `mime_type` says, judged by their own first bytes."""
    wanted = bare(mime_type)
    found = sniff(data)
    if wanted in _OLE_TYPES:
        return found == "application/x-ole-storage"
    if wanted == "text/plain":
        return found is None and _is_text(data)
    if wanted == "audio/ogg":
        return found == "audio/ogg" and b"OpusHead" in data[:256]
    if wanted in ("audio/mp4", "video/mp4", "video/3gpp"):
        # One container, and brands are written loosely by phones and encoders.
        return found in ("audio/mp4", "video/mp4", "video/3gpp")
    return found == wanted


def sniff(data: bytes) -> str | None:
    """Return the MIME type that the content shows, None for nothing known (text has no signature)."""
    head = data[:16]
    if head[:4] == b"OggS":
        return "audio/ogg"
    if head[:5] == b"#!AMR":
        return "audio/amr"
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "application/x-ole-storage"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "audio/mp4" if brand[:3] == b"M4A" else "video/3gpp" if brand[:3] == b"3gp" else "video/mp4"
    if head[:4] == b"PK\x03\x04":
        return _zip_type(data)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "audio/mpeg"
    guess = filetype.guess(data[:8192])
    return None if guess is None else str(guess.mime)


def _zip_type(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return "application/zip"
    for prefix, mime_type in _ZIP_TYPES.items():
        if any(name.startswith(prefix) for name in names):
            return mime_type
    return "application/zip"


def _is_text(data: bytes) -> bool:
    if b"\x00" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
