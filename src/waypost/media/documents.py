"""PDF, plain text and the Office formats, old and new; nothing is ever unpacked."""

import codecs
import re
import struct
from collections.abc import Iterator

from waypost.media.content import FileContent

_TEXT_CHUNK_BYTES = 1 << 20
_PDF_LEAD_BYTES_MAX = 1024
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
# What a browser, a shell or an office would run or render instead of show as text.
_NOT_PLAIN = re.compile(r"\s*(?:<[a-z!?/%]|#!|\{\\rtf|%!ps|mime-version:)", re.IGNORECASE)

_OLE_SECTORS_MAX = 4_096
_OLE_ENTRIES_MAX = 4_096
_OLE_TABLES_IN_HEADER = 109
_OLE_TABLE_LINKS_MAX = 64
_OLE_STREAMS = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}
_NO_ENTRY = 0xFFFFFFFF

_ZIP_ENTRIES_MAX = 10_000
_ZIP_DIRECTORY_BYTES_MAX = 4 << 20
_ZIP_BOMB_BYTES = 200 << 20
_ZIP_BOMB_RATIO = 100
_OOXML = "application/vnd.openxmlformats-officedocument."
_OOXML_MAIN = {
    re.compile(rb"word/document[0-9]*\.xml"): _OOXML + "wordprocessingml.document",
    re.compile(rb"xl/workbook[0-9]*\.xml"): _OOXML + "spreadsheetml.sheet",
    re.compile(rb"ppt/presentation[0-9]*\.xml"): _OOXML + "presentationml.presentation",
}
_NOT_OFFICE = re.compile(
    rb"META-INF/|AndroidManifest|classes\.dex|mimetype$|.*vbaProject\.bin$|.*\.class$", re.IGNORECASE
)


def is_pdf(head: bytes) -> bool:
    """Tell a PDF, before which printers and mailers leave white space, a byte-order mark or a job header."""
    place = head.find(b"%PDF-", 0, _PDF_LEAD_BYTES_MAX + 5)
    if place < 0 or not head[place + 5 : place + 6].isdigit():
        return False
    lead = head[:place]
    return lead.startswith(b"\x1b%-12345X") or not lead.strip(b"\x00\t\n\x0c\r \xef\xbb\xbf")


def is_ole(head: bytes) -> bool:
    return head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def is_plain_text(content: FileContent) -> bool:
    """Tell valid UTF-8 without control characters that does not begin as markup or a script; reads the whole file."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
    for start in range(0, content.size_bytes, _TEXT_CHUNK_BYTES):
        try:
            text = decoder.decode(
                content.read(start, _TEXT_CHUNK_BYTES), start + _TEXT_CHUNK_BYTES >= content.size_bytes
            )
        except UnicodeDecodeError:
            return False
        if _CONTROL.search(text) or (start == 0 and _NOT_PLAIN.match(text)):
            return False
    return content.size_bytes > 0


def ole_type(content: FileContent) -> str | None:
    """Return Word's, Excel's or PowerPoint's type by the streams directly in the root, or None."""
    header = content.read(0, 512)
    if len(header) < 512 or header[28:30] != b"\xfe\xff":
        return None
    shift = int.from_bytes(header[30:32], "little")
    if shift not in (9, 12):
        return None
    entries = list(_ole_entries(content, header, 1 << shift))
    if not entries:
        return None
    found = {_OLE_STREAMS[name] for name in _root_names(entries) if name in _OLE_STREAMS}
    return found.pop() if len(found) == 1 else None


def _ole_entries(content: FileContent, header: bytes, sector_bytes: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, left, right and child of the directory's entries ([MS-CFB] 2.6.1), at most 4,096 of them."""
    sector = int.from_bytes(header[48:52], "little")
    count = 0
    for _ in range(_OLE_SECTORS_MAX):
        data = content.read((sector + 1) * sector_bytes, sector_bytes) if sector < 0xFFFFFFFA else b""
        for at in range(0, len(data) - 127, 128):
            entry = data[at : at + 128]
            length = int.from_bytes(entry[64:66], "little")
            name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            yield name, *struct.unpack("<III", entry[68:80])
            count += 1
            if count >= _OLE_ENTRIES_MAX:
                return
        if not data:
            return
        sector = _next_sector(content, header, sector, sector_bytes)


def _next_sector(content: FileContent, header: bytes, sector: int, sector_bytes: int) -> int:
    """Follow the allocation table; 0xFFFFFFFF where it is broken."""
    table, index = divmod(sector, sector_bytes // 4)
    table_sector = _table_sector(content, header, table, sector_bytes)
    found = content.read((table_sector + 1) * sector_bytes + 4 * index, 4)
    return int.from_bytes(found, "little") if len(found) == 4 else _NO_ENTRY


def _table_sector(content: FileContent, header: bytes, table: int, sector_bytes: int) -> int:
    """Return where a part of the allocation table is: the header names 109, a chain of sectors the rest."""
    if table < _OLE_TABLES_IN_HEADER:
        return int.from_bytes(header[76 + 4 * table : 80 + 4 * table], "little")
    per_sector = sector_bytes // 4 - 1
    links, index = divmod(table - _OLE_TABLES_IN_HEADER, per_sector)
    if links >= _OLE_TABLE_LINKS_MAX:
        return _NO_ENTRY
    sector = int.from_bytes(header[68:72], "little")
    for _ in range(links):
        sector = content.number((sector + 1) * sector_bytes + 4 * per_sector, 4, order="little")
    return content.number((sector + 1) * sector_bytes + 4 * index, 4, order="little")


def _root_names(entries: list[tuple[str, int, int, int]]) -> Iterator[str]:
    """Yield the names directly below the root: an embedded sheet in a letter must not make it a sheet."""
    waiting, seen = [entries[0][3]], set[int]()
    while waiting:
        number = waiting.pop()
        if number >= len(entries) or number in seen:
            continue
        seen.add(number)
        name, left, right, _ = entries[number]
        yield name
        waiting += [left, right]


def ooxml_type(content: FileContent) -> str | None:
    """Return the type of a docx, xlsx or pptx by the names in its directory, or None for any other archive."""
    names: list[bytes] = []
    unpacked_bytes = 0
    for name, size in _zip_names(content):
        if _NOT_OFFICE.match(name):
            return None
        names.append(name)
        unpacked_bytes += size
    if b"[Content_Types].xml" not in names or len(names) > _ZIP_ENTRIES_MAX:
        return None
    if unpacked_bytes > max(_ZIP_BOMB_BYTES, _ZIP_BOMB_RATIO * content.size_bytes):
        return None
    found = {mime for main, mime in _OOXML_MAIN.items() if any(main.fullmatch(name) for name in names)}
    return found.pop() if len(found) == 1 else None


def _zip_names(content: FileContent) -> Iterator[tuple[bytes, int]]:
    """Yield name and unpacked size of each entry of the central directory; of one that is too large or broken, none."""
    tail_start = max(0, content.size_bytes - 65_557)
    tail = content.read(tail_start, 65_557)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        return
    count, size, start = struct.unpack("<HII", tail[place + 10 : place + 20])
    if not 0 < count <= _ZIP_ENTRIES_MAX or size > _ZIP_DIRECTORY_BYTES_MAX or start + size > tail_start + place:
        return
    directory = content.read(start, size)
    at = 0
    for _ in range(count):
        header = directory[at : at + 46]
        if len(header) < 46 or header[:4] != b"PK\x01\x02":
            return
        unpacked, name_bytes, extra_bytes, comment_bytes = struct.unpack("<IHHH", header[24:34])
        yield directory[at + 46 : at + 46 + name_bytes], unpacked
        at += 46 + name_bytes + extra_bytes + comment_bytes
