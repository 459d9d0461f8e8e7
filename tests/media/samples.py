"""Small files of every type, made here by their formats' rules; right ones and, in `hostile`, wrong ones."""

import io
import struct
import zipfile
import zlib


def jpeg(width: int = 8, height: int = 6, *, before: bytes = b"") -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
        + before
        + b"\xff\xc0"
        + struct.pack(">H", len(frame) + 2)
        + frame
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00\xff\xd9"
    )


def png(width: int = 8, height: int = 6) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")


def webp(width: int = 8, height: int = 6, *, form: str = "VP8X", animated: bool = False, pad: int = 0) -> bytes:
    if form == "VP8X":
        flags = 0x02 if animated else 0
        data = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif form == "VP8 ":
        data = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    else:
        data = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little")
    data += b"\x00" * (len(data) % 2)
    chunks = (
        form.encode() + struct.pack("<I", len(data)) + data + b"EXIF" + struct.pack("<I", 16 + pad) + bytes(16 + pad)
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def box(name: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    return struct.pack(">I", len(data) + 8) + name + data


def iso(
    brand: bytes = b"isom", compatible: tuple[bytes, ...] = (), tracks: tuple[bytes, ...] = (b"vide", b"soun")
) -> bytes:
    moov = box(
        b"moov",
        box(b"mvhd", bytes(100)),
        *(
            box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"hdlr", bytes(8), kind, bytes(13))))
            for kind in tracks
        ),
    )
    return box(b"ftyp", brand, b"\x00\x00\x02\x00", *compatible) + box(b"free") + box(b"mdat", bytes(64)) + moov


def mp4() -> bytes:
    return iso(b"isom", (b"isom", b"iso2", b"avc1", b"mp41"))


def gp3() -> bytes:
    return iso(b"3gp4", (b"isom", b"3gp4"))


def m4a() -> bytes:
    return iso(b"M4A ", (b"mp42", b"isom"), (b"soun",))


def mp3(frames: int = 4, *, id3_bytes: int | None = 32) -> bytes:
    tag = b""
    if id3_bytes is not None:
        size = bytes(id3_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
        tag = b"ID3\x04\x00\x00" + size + bytes(id3_bytes)
    return tag + (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def aac(frames: int = 4) -> bytes:
    length = 32
    header = bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 0xFF, (length & 7) << 5 | 0x1F, 0xFC])
    return (header + bytes(length - 7)) * frames


def amr() -> bytes:
    return b"#!AMR\n" + (b"\x3c" + b"\x08" * 31) * 5


def ogg(codec: bytes = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00") -> bytes:
    return (
        b"OggS\x00\x02"
        + bytes(8)
        + b"\x01\x00\x00\x00"
        + bytes(4)
        + bytes(4)
        + b"\x01"
        + bytes([len(codec)])
        + codec
        + bytes(64)
    )


def pdf(lead: bytes = b"") -> bytes:
    return lead + b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n"


def text() -> bytes:
    return "Plain words, caf\u00e9, \u4e2d\u6587.\r\n\tAnd a tab.\n".encode()


def ole(*names: str, nested: tuple[str, ...] = ()) -> bytes:
    """A compound file whose root holds these streams, and a storage that holds the nested ones."""
    none = 0xFFFFFFFF

    def entry(name: str, kind: int, left: int = none, right: int = none, child: int = none) -> bytes:
        raw = name.encode("utf-16-le")
        head = (
            raw.ljust(64, b"\x00")
            + struct.pack("<HBB", len(raw) + 2, kind, 1)
            + struct.pack("<III", left, right, child)
        )
        return head.ljust(128, b"\x00")

    inside = [*names, *(["ObjectPool"] if nested else [])]
    entries = [entry("Root Entry", 5, child=1 if inside else none)]
    for number, name in enumerate(inside, start=1):
        right = number + 1 if number < len(inside) else none
        is_storage = name == "ObjectPool"
        entries.append(entry(name, 1 if is_storage else 2, right=right, child=len(inside) + 1 if is_storage else none))
    for number, name in enumerate(nested, start=len(inside) + 1):
        right = number + 1 if number < len(inside) + len(nested) else none
        entries.append(entry(name, 2, right=right))
    directory = b"".join(entries)
    directory += bytes(-len(directory) % 512)
    sectors = len(directory) // 512
    table = [0xFFFFFFFD, *(number + 2 if number + 1 < sectors else 0xFFFFFFFE for number in range(sectors))]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<I", 0)
    header = header.ljust(512, b"\xff")
    return header + struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff") + directory


def archive(*names: str, content: bytes = b"<x/>") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return data.getvalue()


def docx() -> bytes:
    return archive("[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/embeddings/sheet.xlsx")


def xlsx() -> bytes:
    return archive("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")


def pptx() -> bytes:
    return archive("[Content_Types].xml", "ppt/presentation.xml", "ppt/slides/slide1.xml")


_OFFICE = "application/vnd.openxmlformats-officedocument."

ACCEPTED: dict[str, tuple[str, str, bytes]] = {
    "jpeg": ("image/jpeg", "image", jpeg()),
    "jpeg with exif": ("image/jpeg", "image", jpeg(before=b"\xff\xe1\x00\x10Exif\x00\x00" + bytes(8))),
    "jpeg with filling": ("image/jpeg", "image", jpeg(before=b"\xff\xff\xff\xfe\x00\x04hi")),
    "png": ("image/png", "image", png()),
    "image at the pixel limit": ("image/png", "image", png(5000, 5000)),
    "webp": ("image/webp", "sticker", webp()),
    "webp lossy": ("image/webp", "sticker", webp(form="VP8 ")),
    "webp lossless": ("image/webp", "sticker", webp(form="VP8L")),
    "webp animated": ("image/webp", "sticker", webp(animated=True)),
    "mp4": ("video/mp4", "video", mp4()),
    "mp4 without sound": ("video/mp4", "video", iso(b"mp42", tracks=(b"vide",))),
    "mp4 of an unknown brand": ("video/mp4", "video", iso(b"XAVC", (b"XAVC", b"mp42"))),
    "3gp": ("video/3gpp", "video", gp3()),
    "3gp voice": ("video/3gpp", "video", iso(b"3gp5", tracks=(b"soun",))),
    "m4a": ("audio/mp4", "audio", m4a()),
    "m4a with chapters": ("audio/mp4", "audio", iso(b"M4A ", tracks=(b"soun", b"vide"))),
    "voice under a film brand": ("audio/mp4", "audio", iso(b"mp42", (b"isom",), (b"soun",))),
    "mp3": ("audio/mpeg", "audio", mp3()),
    "mp3 without tag": ("audio/mpeg", "audio", mp3(id3_bytes=None)),
    "mp3 with a large tag": ("audio/mpeg", "audio", mp3(id3_bytes=200_000)),
    "aac": ("audio/aac", "audio", aac()),
    "amr": ("audio/amr", "audio", amr()),
    "opus": ("audio/ogg", "audio", ogg()),
    "pdf": ("application/pdf", "document", pdf()),
    "pdf after blank lines": ("application/pdf", "document", pdf(b"\r\n\r\n")),
    "pdf after a mark": ("application/pdf", "document", pdf(b"\xef\xbb\xbf")),
    "pdf of a printer": ("application/pdf", "document", pdf(b"\x1b%-12345X@PJL JOB\r\n")),
    "text": ("text/plain", "document", text()),
    "text with a mark": ("text/plain", "document", b"\xef\xbb\xbfhello"),
    "csv": ("text/plain", "document", b"a,b\n1,2\n"),
    "json": ("text/plain", "document", b'{"a": "<b>"}'),
    "one letter": ("text/plain", "document", b"x"),
    "text cut at a chunk": ("text/plain", "document", b"x" * ((1 << 20) - 1) + "\u00e9".encode()),
    "doc": ("application/msword", "document", ole("WordDocument", "1Table", "Data")),
    "doc with a sheet inside": ("application/msword", "document", ole("WordDocument", nested=("Workbook",))),
    "xls": ("application/vnd.ms-excel", "document", ole("Workbook", "\x05SummaryInformation")),
    "old xls": ("application/vnd.ms-excel", "document", ole("Book")),
    "xls with many streams": ("application/vnd.ms-excel", "document", ole(*(f"S{n}" for n in range(30)), "Workbook")),
    "ppt": ("application/vnd.ms-powerpoint", "document", ole("Current User", "PowerPoint Document")),
    "docx": (_OFFICE + "wordprocessingml.document", "document", docx()),
    "xlsx": (_OFFICE + "spreadsheetml.sheet", "document", xlsx()),
    "pptx": (_OFFICE + "presentationml.presentation", "document", pptx()),
}
