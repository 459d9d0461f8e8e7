"""Files that must not be taken, each with the reason; sizes at and over the limits are made by the tests."""

import io
import struct
import tarfile
import zipfile
import zlib

from tests.media import samples
from tests.media.samples import archive, box, iso, jpeg, ogg, ole, pdf, png, webp

UNSUPPORTED, MALFORMED, EMPTY, PIXELS = "unsupported_type", "malformed", "empty", "too_many_pixels"


def _gif() -> bytes:
    return b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


def _tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        file.addfile(tarfile.TarInfo("../../etc/passwd"))
    return data.getvalue()


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def _zip_bomb() -> bytes:
    """A docx that says of itself that it unpacks to far more than it is."""
    data = samples.archive("[Content_Types].xml", "word/document.xml", "word/media/image1.png")
    place = data.find(b"PK\x01\x02")
    for _ in range(3):
        data = data[: place + 24] + struct.pack("<I", 3_000_000_000) + data[place + 28 :]
        place = data.find(b"PK\x01\x02", place + 4)
    return data


def _zip_of_many() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for number in range(10_001):
            file.writestr(f"word/{number}", b"")
        file.writestr("[Content_Types].xml", b"")
        file.writestr("word/document.xml", b"")
    return data.getvalue()


def _looped_ole() -> bytes:
    """A compound file whose directory chain and tree of names both run in circles."""
    data = bytearray(ole("A", "B", "C", "D", "E"))
    data[512 + 4 : 512 + 8] = struct.pack("<I", 1)
    for number in range(1, 4):
        at = 1024 + 128 * number
        data[at + 68 : at + 76] = struct.pack("<II", number, number)
    return bytes(data)


def _deep_iso() -> bytes:
    data = b""
    for _ in range(500):
        data = box(b"moov", data)
    return box(b"ftyp", b"isom", bytes(4)) + data


def _endless_boxes() -> bytes:
    return box(b"ftyp", b"isom", bytes(4)) + box(b"free") * 20_000


_ACTIVE = {
    "html": b"<!doctype html><html><script>alert(1)</script></html>",
    "html upper case": b"<HTML><BODY onload=alert(1)>",
    "html after spaces": b"  \r\n\t<html>",
    "html after a mark": b"\xef\xbb\xbf<html>",
    "html comment": b"<!-- --><script>alert(1)</script>",
    "script": b"<script>alert(1)</script>",
    "frame": b"<iframe src=//example.org>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "svg after xml": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "xml": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "php": b"<?php system($_GET['c']); ?>",
    "asp": b"<%= 1 %>",
    "shell script": b"#!/bin/sh\nrm -rf /\n",
    "python script": b"#!/usr/bin/env python3\nprint(1)\n",
    "rich text": b"{\\rtf1\\ansi hello}",
    "postscript": b"%!PS-Adobe-3.0\n",
    "web archive": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n",
}
_PROGRAMS = {
    "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "windows program": b"MZ\x90\x00" + bytes(60) + b"PE\x00\x00",
    "java class": b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(32),
    "mach-o": b"\xcf\xfa\xed\xfe" + bytes(28),
    "webassembly": b"\x00asm\x01\x00\x00\x00",
    "sqlite": b"SQLite format 3\x00" + bytes(84),
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
}
_ARCHIVES = {
    "zip": archive("a.txt"),
    "empty zip": b"PK\x05\x06" + bytes(18),
    "zip with traversal": archive("../../etc/passwd"),
    "jar": archive("META-INF/MANIFEST.MF", "A.class"),
    "apk": archive("AndroidManifest.xml", "classes.dex"),
    "epub": archive("mimetype", "META-INF/container.xml"),
    "odt": archive("mimetype", "content.xml"),
    "nested zip": archive("inner.zip", content=archive("inner.zip")),
    "tar": _tar(),
    "gzip": _gzip(b"hello"),
    "gzip bomb": _gzip(bytes(10_000_000)),
    "bzip2": b"BZh91AY&SY" + bytes(20),
    "xz": b"\xfd7zXZ\x00\x00\x04" + bytes(20),
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24),
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(20),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(20),
    "iso image": bytes(32769) + b"CD001",
}
_OFFICE = {
    "docx and jar": archive("[Content_Types].xml", "word/document.xml", "META-INF/MANIFEST.MF"),
    "docm": archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "xlsm": archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
    "xlsb": archive("[Content_Types].xml", "xl/workbook.bin"),
    "docx and xlsx": archive("[Content_Types].xml", "word/document.xml", "xl/workbook.xml"),
    "docx without types": archive("word/document.xml"),
    "docx without document": archive("[Content_Types].xml", "word/styles.xml"),
    "docx by null name": archive("[Content_Types].xml", "word/document.xml\x00.html")[:60],
    "docx by traversal": archive("[Content_Types].xml", "../word/document.xml"),
    "docx cut short": samples.docx()[:-30],
    "docx cut in half": samples.docx()[:120],
    "docx without directory": samples.docx().replace(b"PK\x01\x02", b"PK\x09\x09"),
    "docx with far directory": samples.docx()[:-6] + b"\xff\xff\xff\x7f\x00\x00",
    "docx with huge directory": samples.docx()[:-10] + b"\xff\xff\xff\x7f" + samples.docx()[-6:],
    "docx that is a bomb": _zip_bomb(),
    "docx of ten thousand": _zip_of_many(),
    "ole of nothing": ole(),
    "installer": ole("\u4840\u3f3f\u4577\u446c"),
    "mail": ole("__properties_version1.0", "__nameid_version1.0"),
    "drawing": ole("VisioDocument"),
    "locked document": ole("EncryptedPackage", "EncryptionInfo"),
    "sheet only inside": ole("Contents", nested=("Workbook", "WordDocument")),
    "two documents in one": ole("WordDocument", "Workbook"),
    "ole cut short": samples.ole("WordDocument")[:400],
    "ole without directory": samples.ole("WordDocument")[:1024],
    "ole of odd sectors": samples.ole("WordDocument")[:30] + b"\x1f\x00" + samples.ole("WordDocument")[32:],
    "ole in circles": _looped_ole(),
}
_IMAGES = {
    "gif": _gif(),
    "gif and script": b"GIF89a/*" + bytes(8) + b"*/=alert(1)//",
    "bmp": b"BM" + bytes(60),
    "tiff": b"II*\x00" + bytes(60),
    "big tiff": b"MM\x00*" + bytes(60),
    "ico": b"\x00\x00\x01\x00\x01\x00" + bytes(60),
    "psd": b"8BPS\x00\x01" + bytes(60),
    "jpeg xl": b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a",
    "jpeg 2000": b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a" + box(b"ftyp", b"jp2 ", bytes(4)),
    "heic": iso(b"heic", (b"mif1", b"mp42"), ()),
    "avif": iso(b"avif", (b"mif1",), (b"pict",)),
    "avif film": iso(b"avis", (b"iso8", b"mp41"), (b"vide",)),
    "wave": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(24),
    "avi": b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(24),
}
_BROKEN_IMAGES = {
    "jpeg of three bytes": b"\xff\xd8\xff",
    "jpeg without frame": jpeg()[:20] + b"\xff\xd9",
    "jpeg cut in the frame": jpeg()[:26],
    "jpeg with a short segment": b"\xff\xd8\xff\xe0\x00\x01" + bytes(40),
    "jpeg that is html": b"\xff\xd8\xff<html><script>alert(1)</script>",
    "jpeg of endless segments": b"\xff\xd8" + b"\xff\xe0\x00\x02" * 5000,
    "jpeg of fill bytes": b"\xff\xd8" + b"\xff" * 5000,
    "jpeg of no width": jpeg(0, 10),
    "png of its signature": b"\x89PNG\r\n\x1a\n",
    "png without header": png()[:8] + png()[33:],
    "png cut in the header": png()[:20],
    "png of no height": png(10, 0),
    "webp of its signature": b"RIFF\x04\x00\x00\x00WEBP",
    "webp cut short": webp()[:24],
    "webp of an unknown chunk": b"RIFF\x20\x00\x00\x00WEBPVP9X" + bytes(24),
    "webp longer than it is": b"RIFF\xff\xff\xff\x7fWEBP" + webp()[12:],
    "webp lossy without start code": webp(form="VP8 ").replace(b"\x9d\x01\x2a", b"\x00\x00\x00"),
}
_BOMBS = {
    "png of 900 megapixels": png(30_000, 30_000),
    "png of 144 megapixels": png(12_000, 12_000),
    "png just over": png(5001, 5000),
    "png of one long line": png(10_001, 1),
    "png of all ones": png(0xFFFFFFFF, 0xFFFFFFFF),
    "jpeg at its largest": jpeg(65535, 65535),
    "webp at its largest": webp(1 << 24, 1 << 24),
    "lossless webp at its largest": webp(1 << 14, 1 << 14, form="VP8L"),
}
_STREAMS = {
    "vorbis": ogg(b"\x01vorbis" + bytes(23)),
    "flac in ogg": ogg(b"\x7fFLAC\x01\x00" + bytes(23)),
    "theora": ogg(b"\x80theora" + bytes(23)),
    "speex": ogg(b"Speex   1.2" + bytes(23)),
    "ogg cut short": ogg()[:28],
    "ogg of a later page": ogg()[:5] + b"\x00" + ogg()[6:],
    "flac": b"fLaC\x00\x00\x00\x22" + bytes(34),
    "midi": b"MThd\x00\x00\x00\x06" + bytes(6),
    "wide-band amr": b"#!AMR-WB\n" + bytes(40),
    "amr of nothing": b"#!AMR\n",
    "mp3 of one frame": samples.mp3(1, id3_bytes=None),
    "mp3 tag alone": samples.mp3(0),
    "mp3 tag longer than the file": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(20),
    "mp3 tag of bad digits": b"ID3\x04\x00\x00\xff\xff\xff\xff" + bytes(20),
    "mp3 tag before html": b"ID3\x04\x00\x00\x00\x00\x00\x00<html>",
    "mpeg layer two": b"\xff\xfd\x90\x00" + bytes(413) + b"\xff\xfd\x90\x00" + bytes(413),
    "aac of bad rate": b"\xff\xf1\x7c\x80\x04\x1f\xfc" + bytes(50),
    "aac then noise": samples.aac(1) + b"noise" * 10,
    "matroska": b"\x1a\x45\xdf\xa3" + bytes(40),
    "flash": b"FLV\x01\x05" + bytes(40),
    "transport stream": (b"G" + bytes(187)) * 3,
    "quicktime": iso(b"qt  ", (b"qt  ",)),
    "quicktime that claims mp4": iso(b"qt  ", (b"mp42",)),
    "3g2": iso(b"3g2a", (b"3g2a",)),
    "mp4 of its brand": box(b"ftyp", b"isom", bytes(4)),
    "mp4 without tracks": iso(tracks=()),
    "mp4 of subtitles": iso(tracks=(b"text",)),
    "mp4 cut short": samples.mp4()[:-40],
    "mp4 with a huge box": box(b"ftyp", b"isom", bytes(4)) + b"\xff\xff\xff\xffmoov",
    "mp4 with a 64-bit box": box(b"ftyp", b"isom", bytes(4)) + b"\x00\x00\x00\x01moov" + b"\xff" * 8,
    "mp4 with a box of seven": box(b"ftyp", b"isom", bytes(4)) + b"\x00\x00\x00\x07moov" + bytes(40),
    "mp4 in mp4": _deep_iso(),
    "mp4 of endless boxes": _endless_boxes(),
    "mp4 with a huge brand list": struct.pack(">I", 0x7FFFFFFF) + b"ftypisom" + bytes(40),
}
_TEXTS = {
    "utf-16": "hello".encode("utf-16"),
    "utf-32": "hello".encode("utf-32"),
    "latin-1": "caf\u00e9".encode("latin-1"),
    "null inside": b"hello\x00world",
    "escape sequence": b"\x1b]0;title\x07",
    "backspaces": b"abc\x08\x08\x08",
    "delete": b"abc\x7f",
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
    "cut inside a letter": "caf\u00e9".encode()[:-1],
    "binary late": b"x" * 3_000_000 + b"\x00",
    "noise": bytes(range(256)) * 4,
    "nulls": bytes(1000),
    "pdf after html": pdf(b"<html><script>alert(1)</script>"),
    "pdf after a program": pdf(b"MZ\x90\x00"),
    "pdf far inside": pdf(b" " * 2000 + b"\x00"),
    "pdf without version": b"%PDF-\x00\x00",
}

HOSTILE: dict[str, tuple[str, bytes]] = {
    "nothing": (EMPTY, b""),
    **{
        name: (UNSUPPORTED, data)
        for group in (_ACTIVE, _PROGRAMS, _ARCHIVES, _OFFICE, _IMAGES)
        for name, data in group.items()
    },
    **{name: (UNSUPPORTED, data) for group in (_STREAMS, _TEXTS) for name, data in group.items()},
    **{name: (MALFORMED, data) for name, data in _BROKEN_IMAGES.items()},
    **{name: (PIXELS, data) for name, data in _BOMBS.items()},
}
