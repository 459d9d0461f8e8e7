"""
Requests that two parsers on one path may read differently, each as raw bytes.

From RFC 9112 (sections 2.2, 3.2, 5, 6, 7, 11.2), CWE-444 and the published request-smuggling write-ups. Every refused
one carries a second request, `GET /smuggled`, where a parser that reads it the other way would find it.
"""

_NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def _post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /first HTTP/1.1\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body + _NEXT


def _chunked(body: bytes, *headers: bytes) -> bytes:
    return _post(b"Host: a", b"Transfer-Encoding: chunked", *headers, body=body)


REFUSED: dict[str, bytes] = {
    "length and chunked": _post(b"Host: a", b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked and length": _post(b"Host: a", b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n"),
    "two lengths": _post(b"Host: a", b"Content-Length: 0", b"Content-Length: 36"),
    "two equal lengths": _post(b"Host: a", b"Content-Length: 0", b"Content-Length: 0"),
    "list of lengths": _post(b"Host: a", b"Content-Length: 0, 36"),
    "length with a sign": _post(b"Host: a", b"Content-Length: +0"),
    "negative length": _post(b"Host: a", b"Content-Length: -1"),
    "length in hex": _post(b"Host: a", b"Content-Length: 0x24"),
    "length with a blank inside": _post(b"Host: a", b"Content-Length: 3 6"),
    "length beyond 64 bits": _post(b"Host: a", b"Content-Length: 18446744073709551652"),
    "empty length": _post(b"Host: a", b"Content-Length: "),
    "length with a letter": _post(b"Host: a", b"Content-Length: 0a"),
    "chunked twice": _post(b"Host: a", b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "two chunked headers": _chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "chunked then identity": _post(b"Host: a", b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "identity coding": _post(b"Host: a", b"Transfer-Encoding: identity", b"Content-Length: 0"),
    "unknown coding": _post(b"Host: a", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "gzip, chunked": _post(b"Host: a", b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked with a control character": _post(b"Host: a", b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "blank before the colon": _post(b"Host: a", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "tab before the colon": _post(b"Host: a", b"Content-Length\t: 0"),
    "folded header": _post(b"Host: a", b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "blank before the first header": _post(b" Host: a", b"Content-Length: 0"),
    "NUL in a value": _post(b"Host: a", b"X: a\x00b", b"Content-Length: 0"),
    "CR in a value": _post(b"Host: a", b"X: a\rTransfer-Encoding: chunked", b"Content-Length: 0"),
    "no colon": _post(b"Host: a", b"Content-Length 0"),
    "empty name": _post(b"Host: a", b": x", b"Content-Length: 0"),
    "name that is no token": _post(b"Host: a", b"X(y): x", b"Content-Length: 0"),
    "no Host": _post(b"Content-Length: 0"),
    "two Hosts": _post(b"Host: a", b"Host: b", b"Content-Length: 0"),
    "chunked in 1.0": b"POST /first HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _NEXT,
    "version 2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _NEXT,
    "version 2.0 in an ordinary request": b"GET /first HTTP/2.0\r\nHost: a\r\n\r\n" + _NEXT,
    "version 0.9 by name": b"GET /first HTTP/0.9\r\nHost: a\r\n\r\n" + _NEXT,
    "version 0.9": b"GET /first\r\n" + _NEXT,
    "version 1.2": b"GET /first HTTP/1.2\r\nHost: a\r\n\r\n" + _NEXT,
    "version with a letter": b"GET /first HTTP/1.x\r\nHost: a\r\n\r\n" + _NEXT,
    "absolute URL": b"GET http://b/first HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "URL with a fragment": b"GET /first#x HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "URL beyond ASCII": b"GET /first\xff HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "lone LF": b"POST /first HTTP/1.1\nHost: a\nContent-Length: 0\n\n" + _NEXT,
    "tunnel": b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n" + _NEXT,
    "trace": b"TRACE /first HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "method in small letters": b"get /first HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "made-up method": b"SMUGGLE /first HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "method of WebDAV": b"PROPFIND /first HTTP/1.1\r\nHost: a\r\n\r\n" + _NEXT,
    "upgrade with a body": _post(
        b"Host: a", b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 3", body=b"abc"
    ),
    "unknown expectation": _post(b"Host: a", b"Expect: 200-ok", b"Content-Length: 0"),
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + _NEXT,
}
# Here the headers are good and the application has begun; it must not see the body as complete.
BAD_BODY: dict[str, bytes] = {
    "chunk size with 0x": _chunked(b"0x1\r\na\r\n0\r\n\r\n"),
    "negative chunk size": _chunked(b"-1\r\na\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": _chunked(b"10000000000000001\r\na\r\n0\r\n\r\n"),
    "chunk longer than it says": _chunked(b"1\r\nabc\r\n0\r\n\r\n"),
    "chunk ended by LF": _chunked(b"1\na\n0\n\n"),
    "chunk size ended by CR": _chunked(b"1\rXa\r\n0\r\n\r\n"),
    "empty chunk size": _chunked(b"\r\na\r\n0\r\n\r\n"),
    "blank in the chunk size": _chunked(b"1 1\r\na\r\n0\r\n\r\n"),
    "endless trailers": _chunked(b"0\r\n" + b"X: y\r\n" * 200_000),
}
ACCEPTED: dict[str, tuple[bytes, str]] = {
    "empty lines before the request": (b"\r\n\r\n" + _post(b"Host: a", b"Content-Length: 1", body=b"x"), "x"),
    "chunked in capitals": (_post(b"Host: a", b"Transfer-Encoding: CHUNKED", body=b"1\r\nx\r\n0\r\n\r\n"), "x"),
    "chunk extension": (_chunked(b"1;a=b\r\nx\r\n0\r\n\r\n"), "x"),
    "size with leading zeros": (_chunked(b"0001\r\nx\r\n00\r\n\r\n"), "x"),
    "trailer": (_chunked(b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n"), "x"),
}
