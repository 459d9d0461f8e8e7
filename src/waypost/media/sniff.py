"""
What a file is, by its content alone, and whether the provider takes it.

    check_media(source) -> MediaFacts | MediaProblem

The name and the declared type of a file are never asked. What is not one of the provider's types is refused: GIF, SVG,
HTML, scripts, archives, QuickTime, HEIF, macros. Nothing is decoded or unpacked, and every read is bounded, except that
plain text is read to its end once. Call it in a thread: it reads files.

Types and sizes: Cloud API, "Supported media types" of the media reference, read Sep 2026; MB there is 2**20 bytes.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from waypost.domain.message import MediaKind
from waypost.media import documents, images, streams
from waypost.media.content import FileContent

_MEBIBYTE = 1 << 20
"""
What the provider's "MB" is taken for.

Its media page (Sep 2026) does not say whether that is 1,000,000 bytes. The larger reading refuses nothing that it would
take, and what it refuses fails with the same code, only later.
"""
IMAGE_BYTES_MAX = 5 * _MEBIBYTE
AUDIO_BYTES_MAX = 16 * _MEBIBYTE
VIDEO_BYTES_MAX = 16 * _MEBIBYTE
DOCUMENT_BYTES_MAX = 100 * _MEBIBYTE
STATIC_STICKER_BYTES_MAX = 100 * 1024
ANIMATED_STICKER_BYTES_MAX = 500 * 1024

KIND_BYTES_MAX = MappingProxyType(
    {
        MediaKind.IMAGE: IMAGE_BYTES_MAX,
        MediaKind.AUDIO: AUDIO_BYTES_MAX,
        MediaKind.VIDEO: VIDEO_BYTES_MAX,
        MediaKind.DOCUMENT: DOCUMENT_BYTES_MAX,
        MediaKind.STICKER: ANIMATED_STICKER_BYTES_MAX,
    }
)
"""The most bytes a file of the kind can have, to stop a fetch early; a static sticker's own limit is lower."""

PIXELS_MAX = 25_000_000
SIDE_PIXELS_MAX = 10_000
"""Ours, not the provider's: an image within them decodes in under 100 MB."""

_HEAD_BYTES = 4096


class MediaFault(Enum):
    """Why a file is not taken; values are stable."""

    EMPTY = "empty"
    UNSUPPORTED_TYPE = "unsupported_type"
    WRONG_KIND = "wrong_kind"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    TOO_MANY_PIXELS = "too_many_pixels"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaProblem:
    """A file that is not taken. `detail` is for logs and the console: it holds nothing of the file."""

    fault: MediaFault
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """A file that the provider takes. Width and height in pixels are of images and stickers only."""

    mime_type: str
    kind: MediaKind
    size_bytes: int
    is_animated: bool = False
    width: int | None = None
    height: int | None = None


def sniff(source: bytes | Path) -> tuple[str, MediaKind] | None:
    """Return the MIME type and kind of a file the provider takes, whatever its size; None for any other."""
    found = check_media(source)
    if isinstance(found, MediaProblem) and found.fault in {MediaFault.TOO_LARGE, MediaFault.TOO_MANY_PIXELS}:
        with FileContent(source) as content:
            found = _identify(content)
    return (found.mime_type, found.kind) if isinstance(found, MediaFacts) else None


def check_media(source: bytes | Path, *, expected: MediaKind | None = None) -> MediaFacts | MediaProblem:
    """
    Tell what a file is and whether the provider takes it.

    `expected` is the kind the caller promised; another is a problem. Raises OSError when the file cannot be read.
    """
    with FileContent(source) as content:
        if content.size_bytes == 0:
            return MediaProblem(fault=MediaFault.EMPTY, detail="the file is empty")
        if content.size_bytes > DOCUMENT_BYTES_MAX:
            return _too_large(content.size_bytes, DOCUMENT_BYTES_MAX)
        facts = _identify(content)
    if isinstance(facts, MediaProblem):
        return facts
    if expected is not None and facts.kind is not expected:
        detail = f"the content is {facts.mime_type}, which is no {expected.value}"
        return MediaProblem(fault=MediaFault.WRONG_KIND, detail=detail)
    limit = KIND_BYTES_MAX[facts.kind]
    if facts.kind is MediaKind.STICKER and not facts.is_animated:
        limit = STATIC_STICKER_BYTES_MAX
    if facts.size_bytes > limit:
        return _too_large(facts.size_bytes, limit)
    if facts.width is not None and facts.height is not None:
        return _check_pixels(facts, facts.width, facts.height)
    return facts


def _identify(content: FileContent) -> MediaFacts | MediaProblem:
    head = content.read(0, _HEAD_BYTES)
    if images.is_jpeg(head):
        return _image(content, "image/jpeg", images.jpeg_size(content))
    if images.is_png(head):
        return _image(content, "image/png", images.png_size(content))
    if images.is_webp(head):
        return _sticker(content)
    if head[4:8] == b"ftyp":
        mime_type = streams.iso_type(content)
    elif documents.is_ole(head):
        mime_type = documents.ole_type(content)
    elif documents.is_zip(head):
        mime_type = documents.ooxml_type(content)
    elif documents.is_pdf(head):
        mime_type = "application/pdf"
    else:
        mime_type = streams.sound_type(content, head)
        if mime_type is None and documents.is_plain_text(content):
            mime_type = "text/plain"
    if mime_type is None:
        detail = "the content is of no supported type, or is cut short"
        return MediaProblem(fault=MediaFault.UNSUPPORTED_TYPE, detail=detail)
    return MediaFacts(mime_type=mime_type, kind=_kind_of(mime_type), size_bytes=content.size_bytes)


def _kind_of(mime_type: str) -> MediaKind:
    family = mime_type.partition("/")[0]
    return MediaKind(family) if family in {"audio", "video"} else MediaKind.DOCUMENT


def _image(content: FileContent, mime_type: str, size: tuple[int, int] | None) -> MediaFacts | MediaProblem:
    if size is None or 0 in size:
        return MediaProblem(fault=MediaFault.MALFORMED, detail=f"the {mime_type} has no readable size")
    return MediaFacts(
        mime_type=mime_type, kind=MediaKind.IMAGE, size_bytes=content.size_bytes, width=size[0], height=size[1]
    )


def _sticker(content: FileContent) -> MediaFacts | MediaProblem:
    size = images.webp_size(content)
    if size is None or 0 in size[:2]:
        return MediaProblem(fault=MediaFault.MALFORMED, detail="the image/webp has no readable size")
    width, height, is_animated = size
    return MediaFacts(
        mime_type="image/webp",
        kind=MediaKind.STICKER,
        size_bytes=content.size_bytes,
        is_animated=is_animated,
        width=width,
        height=height,
    )


def _check_pixels(facts: MediaFacts, width: int, height: int) -> MediaFacts | MediaProblem:
    if max(width, height) > SIDE_PIXELS_MAX or width * height > PIXELS_MAX:
        detail = f"{width} by {height} pixels; at most {SIDE_PIXELS_MAX} a side and {PIXELS_MAX} in all"
        return MediaProblem(fault=MediaFault.TOO_MANY_PIXELS, detail=detail)
    return facts


def _too_large(size_bytes: int, limit: int) -> MediaProblem:
    return MediaProblem(fault=MediaFault.TOO_LARGE, detail=f"{size_bytes} bytes; at most {limit}")
