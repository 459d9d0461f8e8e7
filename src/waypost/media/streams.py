"""Sound and film: AAC, AMR, MP3, Ogg Opus, and the ISO container with its brands read by ourselves."""

from collections.abc import Iterator

from waypost.media.content import FileContent

_ID3_PADDING_MAX = 4096
_BOXES_MAX = 2_000
_TRACKS_MAX = 64

# Brands of ISO/IEC 14496-12 files (mp4ra.org registry, read Sep 2026).
_MP4_BRANDS = frozenset(
    b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoa isob isoc mp41 mp42 avc1 M4VH M4VP MSNV dash mmp4".split()
) | {b"M4V ", b"f4v "}
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_3GPP_PREFIXES = (b"3gp", b"3gr", b"3gs", b"3ge", b"3gg")
_OTHER_BRANDS = frozenset({b"qt  ", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 "})

_MP3_KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ADTS_RATES = 13


def sound_type(content: FileContent, head: bytes) -> str | None:
    """Return the MIME type of AAC, AMR, MP3 or Ogg Opus, or None."""
    if head.startswith(b"#!AMR\n"):
        return "audio/amr" if content.size_bytes > 6 else None
    if head.startswith(b"OggS"):
        return _ogg_type(head)
    start = 0
    if head.startswith(b"ID3"):
        start = _after_id3(content)
    if _is_adts(content, start):
        return "audio/aac"
    if _is_mp3(content, start):
        return "audio/mpeg"
    return None


def _ogg_type(head: bytes) -> str | None:
    """Opus alone: the first packet of an Ogg stream names its codec (RFC 7845, section 5.1)."""
    if len(head) < 28 or head[4] != 0 or not head[5] & 0x02:
        return None
    data = 27 + head[26]
    return "audio/ogg" if head[data : data + 8] == b"OpusHead" else None


def _after_id3(content: FileContent) -> int:
    header = content.read(0, 10)
    if len(header) < 10 or any(byte & 0x80 for byte in header[6:10]):
        return content.size_bytes
    size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
    start = 10 + size + (10 if header[5] & 0x10 else 0)
    padding = content.read(start, _ID3_PADDING_MAX)
    return start + len(padding) - len(padding.lstrip(b"\x00"))


def _is_adts(content: FileContent, start: int) -> bool:
    length = _adts_length(content.read(start, 7))
    if length is None:
        return False
    following = start + length
    return following >= content.size_bytes or _adts_length(content.read(following, 7)) is not None


def _adts_length(header: bytes) -> int | None:
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 0x0F >= _ADTS_RATES:
        return None
    length = (header[3] & 0x03) << 11 | header[4] << 3 | header[5] >> 5
    return length if length >= 7 else None


def _is_mp3(content: FileContent, start: int) -> bool:
    length = _mp3_length(content.read(start, 4))
    if length is None:
        return False
    following = start + length
    # One frame alone proves little: eleven bits set are found in any noise.
    return following < content.size_bytes and _mp3_length(content.read(following, 4)) is not None


def _mp3_length(header: bytes) -> int | None:
    """Return the length in bytes of a layer III frame, or None for what is no such header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 0x03, header[1] >> 1 & 0x03
    rate_index, bits_index = header[2] >> 2 & 0x03, header[2] >> 4
    if version == 1 or layer != 1 or rate_index == 3 or bits_index in (0, 15):
        return None
    kbits = _MP3_KBITS[1 if version == 3 else 2][bits_index]
    samples = 144 if version == 3 else 72
    return samples * kbits * 1000 // _MP3_RATES[version][rate_index] + (header[2] >> 1 & 0x01)


def iso_type(content: FileContent) -> str | None:
    """
    Return video/mp4, video/3gpp or audio/mp4 for an ISO container that has tracks, or None.

    The brand tells mp4 from 3gpp and from QuickTime, HEIF and the rest; whether mp4 is film or sound is told by its
    tracks, as phones record voice under film brands.
    """
    size = content.number(0, 4)
    if content.read(4, 4) != b"ftyp" or not 16 <= size <= 4096:
        return None
    family = _brand_family(content.read(8, 4))
    if family is None and content.read(8, 4) not in _OTHER_BRANDS:
        others = content.read(16, size - 16)
        families = [_brand_family(others[at : at + 4]) for at in range(0, len(others), 4)]
        family = next((found for found in families if found is not None), None)
    if family is None:
        return None
    handlers = _track_handlers(content)
    if b"vide" not in handlers and b"soun" not in handlers:
        return None
    if family == "video/mp4" and b"vide" not in handlers:
        return "audio/mp4"
    return family


def _brand_family(brand: bytes) -> str | None:
    if brand in _AUDIO_BRANDS:
        return "audio/mp4"
    if brand in _MP4_BRANDS:
        return "video/mp4"
    return "video/3gpp" if brand[:3] in _3GPP_PREFIXES else None


def _track_handlers(content: FileContent) -> set[bytes]:
    handlers: set[bytes] = set()
    for name, start, end in _boxes(content, 0, content.size_bytes):
        if name != b"moov":
            continue
        tracks = [box for box in _boxes(content, start, end) if box[0] == b"trak"][:_TRACKS_MAX]
        for _, track_start, track_end in tracks:
            for media, media_start, media_end in _boxes(content, track_start, track_end):
                if media == b"mdia":
                    handlers |= {
                        content.read(at + 8, 4)
                        for inner, at, _ in _boxes(content, media_start, media_end)
                        if inner == b"hdlr"
                    }
        break
    return handlers


def _boxes(content: FileContent, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the contents of each box between two places; stop at the first that does not fit."""
    for _ in range(_BOXES_MAX):
        header = content.read(start, 16)
        if len(header) < 8 or start + 8 > end:
            return
        size, head_bytes = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, head_bytes = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head_bytes or start + size > end:
            return
        yield header[4:8], start + head_bytes, start + size
        start += size
