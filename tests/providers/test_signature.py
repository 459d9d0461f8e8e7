"""The signature corpus: what is signed, and forty ways of not being."""

import hashlib
import hmac

import pytest

from waypost.providers.cloud_api.signature import is_signed

SECRET, OLD = "app secret", "former secret"
BODY = b'{"object":"whatsapp_business_account","text":"\\u00e9\\/"}'


def hex_of(secret: str = SECRET, body: bytes = BODY, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


GOOD = hex_of()


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (f"sha256={GOOD}", (SECRET,)),
        (f"sha256={GOOD.upper()}", (SECRET,)),
        (f"sha256={GOOD}", (SECRET, OLD)),
        (f"sha256={GOOD}", (OLD, SECRET)),
        (f"sha256={hex_of(OLD)}", (SECRET, OLD)),
        (f"sha256={GOOD}", ("", SECRET)),
    ],
)
def test_a_right_signature_by_any_valid_secret_is_taken(header, secrets):
    assert is_signed(BODY, header.encode(), app_secrets=secrets)


FORGED = [
    b"",
    b"sha256",
    b"sha256=",
    b"sha256= ",
    GOOD.encode(),
    b"=" + GOOD.encode(),
    b"SHA256=" + GOOD.encode(),
    b"Sha256=" + GOOD.encode(),
    b"sha1=" + hex_of(algorithm="sha1").encode(),
    b"sha256=" + hex_of(algorithm="sha1").encode(),
    b"sha512=" + hex_of(algorithm="sha512").encode(),
    b"sha256=" + hex_of(algorithm="sha512").encode(),
    b"sha256=" + hashlib.sha256(BODY).hexdigest().encode(),
    b"sha256=" + hashlib.sha256(SECRET.encode() + BODY).hexdigest().encode(),
    b"sha256=" + hex_of(OLD).encode(),
    b"sha256=" + hex_of("").encode(),
    b"sha256=" + hex_of(SECRET + " ").encode(),
    b"sha256=" + hex_of(SECRET.upper()).encode(),
    b"sha256=" + hex_of(body=b"").encode(),
    b"sha256=" + hex_of(body=BODY + b" ").encode(),
    b"sha256=" + hex_of(body=BODY + b"\n").encode(),
    b"sha256=" + hex_of(body=BODY[:-1]).encode(),
    b"sha256=" + hex_of(body=BODY.replace(b"\\/", b"/")).encode(),
    b"sha256=" + hex_of(body=BODY.replace(b"\\u00e9", "é".encode())).encode(),
    b"sha256=" + hex_of(body=BODY.replace(b"\\u00e9", b"\\u00E9")).encode(),
    b"sha256=" + GOOD[:-1].encode(),
    b"sha256=" + GOOD[1:].encode(),
    b"sha256=" + GOOD.encode() + b"0",
    b"sha256=" + GOOD.encode() + b" ",
    b"sha256= " + GOOD.encode(),
    b" sha256=" + GOOD.encode(),
    b"sha256=" + GOOD.encode() + b",sha256=" + GOOD.encode(),
    b"sha256=" + GOOD[::-1].encode(),
    b"sha256=" + b"0" * 64,
    b"sha256=" + b"f" * 64,
    b"sha256=" + (GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1")).encode(),
    b"sha256=" + (("0" if GOOD[0] != "0" else "1") + GOOD[1:]).encode(),
    b"sha256=" + bytes.fromhex(GOOD),
    b"sha256=" + "é".encode() * 32,
    b"sha256=\xff\xfe" + GOOD[2:].encode(),
    b"sha256:" + GOOD.encode(),
    b"sha256=" + b"\0" * 64,
]


@pytest.mark.parametrize("header", FORGED, ids=range(len(FORGED)))
def test_anything_else_is_forged(header):
    assert not is_signed(BODY, header, app_secrets=(SECRET,))


def test_the_corpus_has_at_least_forty_forgeries():
    assert len(FORGED) >= 40


def test_without_a_header_or_a_secret_nothing_is_signed():
    assert not is_signed(BODY, None, app_secrets=(SECRET,))
    assert not is_signed(BODY, f"sha256={GOOD}".encode(), app_secrets=())
    assert not is_signed(BODY, f"sha256={hex_of('')}".encode(), app_secrets=("",))
