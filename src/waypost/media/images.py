"""JPEG, PNG and WebP: width and height from the header alone, without decoding a pixel."""

from waypost.media.content import FileContent

_JPEG_SEGMENTS_MAX = 2_000
# Start-of-frame markers hold the size; C4, C8 and CC in the same range are tables (ITU T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_WEBP_ANIMATED = 0x02


def is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def is_png(head: bytes) -> bool:
    return head.startswith(b"\x89PNG\r\n\x1a\n")


def is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def jpeg_size(content: FileContent) -> tuple[int, int] | None:
    """Return width and height in pixels, or None when no frame header is found where one must be."""
    place = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        if content.read(place, 1) != b"\xff":
            return None
        marker = content.number(place + 1, 1)
        if marker == 0xFF:
            place += 1
            continue
        if marker in _JPEG_STANDALONE:
            place += 2
            continue
        length = content.number(place + 2, 2)
        if marker in (0xD9, 0xDA) or length < 2:
            return None
        if marker in _JPEG_FRAMES:
            frame = content.read(place + 4, 5)
            return (int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")) if len(frame) == 5 else None
        place += 2 + length
    return None


def png_size(content: FileContent) -> tuple[int, int] | None:
    """Return width and height in pixels, or None when the first chunk is not a header."""
    header = content.read(8, 25)
    if len(header) < 25 or header[:8] != b"\x00\x00\x00\rIHDR":
        return None
    return int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:16], "big")


def webp_size(content: FileContent) -> tuple[int, int, bool] | None:
    """Return width and height in pixels and whether it moves, or None when the first chunk is none of WebP's three."""
    chunk = content.read(12, 30)
    if content.number(4, 4, order="little") + 8 > content.size_bytes + 1:
        return None
    kind, data = chunk[:4], chunk[8:]
    if kind == b"VP8X" and len(data) >= 10:
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height, bool(data[0] & _WEBP_ANIMATED)
    if kind == b"VP8 " and len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return width, height, False
    if kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        packed = int.from_bytes(data[1:5], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, False
    return None
