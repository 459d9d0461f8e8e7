"""
URLs that must not be connected to, as data: import it wherever a customer's URL enters.

`DENIED_URLS` are refused under a policy that permits http and nothing private. `DENIED_NAMES` are names whose addresses
are given here, for a test's own resolver. `PUBLIC_URLS` must parse. No case needs the network.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    url: str

    def __str__(self) -> str:
        return self.name


DENIED_IPV4 = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
)
DENIED_IPV6 = (
    "::",
    "::1",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
)
PUBLIC_ADDRESSES = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.254",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
)

_SPELT = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0", "168.63.129.16", "100.100.100.200")
_CIRCLED = {"0": "\u24ea"} | {str(digit): chr(0x2460 + digit - 1) for digit in range(1, 10)}
_FULL_WIDTH = {str(digit): chr(0xFF10 + digit) for digit in range(10)}


def _spellings(address: str) -> dict[str, str]:
    """Every way to write an IPv4 address that some resolver or parser takes for it."""
    number = int(IPv4Address(address))
    a, b, c, d = (int(part) for part in address.split("."))
    return {
        "dotted": address,
        "decimal": str(number),
        "hexadecimal": hex(number),
        "upper hexadecimal": f"0X{number:08X}",
        "octal": f"0{number:o}",
        "octal parts": ".".join(f"0{part:o}" for part in (a, b, c, d)),
        "zero padded": ".".join(f"{part:03d}" for part in (a, b, c, d)),
        "hexadecimal parts": ".".join(hex(part) for part in (a, b, c, d)),
        "mixed parts": f"{a}.{hex(b)}.0{c:o}.{d}",
        "three parts": f"{a}.{b}.{c << 8 | d}",
        "two parts": f"{a}.{b << 16 | c << 8 | d}",
        "trailing dot": f"{address}.",
        "circled": "".join(_CIRCLED.get(character, character) for character in address),
        "full width": "".join(_FULL_WIDTH.get(character, character) for character in address),
        "ideographic dots": address.replace(".", "\u3002"),
        "full width dots": address.replace(".", "\uff0e"),
        "mapped": f"[::ffff:{address}]",
        "mapped hexadecimal": f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        "mapped in full": f"[0:0:0:0:0:ffff:{address}]",
        "compatible": f"[::{address}]",
        "nat64": f"[64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}]",
        "local nat64": f"[64:ff9b:1::{number >> 16:x}:{number & 0xFFFF:x}]",
        "6to4": f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        "percent": "".join(f"%{ord(character):02x}" for character in address),
        "over 255": f"{a + 256}.{b}.{c}.{d}",
        "credentials": f"example.org@{address}",
        "password": f"example.org:443@{address}",
        "escaped at": f"example.org%40{address}",
    }


_TRICKS = {
    "no scheme": "//127.0.0.1/",
    "relative": "/etc/passwd",
    "file": "file:///etc/passwd",
    "file host": "file://127.0.0.1/etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://127.0.0.1/",
    "dict": "dict://127.0.0.1:11211/stats",
    "data": "data:text/plain,hello",
    "javascript": "javascript:alert(1)",
    "ldap": "ldap://127.0.0.1/",
    "jar": "jar:https://example.org!/",
    "one slash": "https:/127.0.0.1/",
    "no slash": "https:127.0.0.1",
    "three slashes": "https:///127.0.0.1/",
    "backslashes": "https:\\\\127.0.0.1\\",
    "backslash host": "https://example.org\\@127.0.0.1/",
    "backslash path": "https://127.0.0.1\\.example.org/",
    "question credentials": "https://example.org:22?@127.0.0.1/",
    "empty credentials": "https://@127.0.0.1/",
    "two ats": "https://a@b@127.0.0.1/",
    "credentials of a good host": "https://user:secret@example.org/",
    "tab in host": "https://127.0.\t0.1/",
    "tab in scheme": "ht\ttps://127.0.0.1/",
    "newline": "https://example.org/\nHost: 127.0.0.1",
    "carriage return": "https://example.org/\r\nX: y",
    "leading space": " https://127.0.0.1/",
    "trailing newline": "https://example.org/\n",
    "null": "https://example.org\x00.127.0.0.1/",
    "escaped null": "https://example.org%00.127.0.0.1/",
    "escaped null in path": "https://example.org/%00",
    "escaped newline in path": "https://example.org/%0d%0aHost:%20127.0.0.1",
    "escaped dot": "https://127%2e0%2e0%2e1/",
    "escaped slash": "https://example.org%2f@127.0.0.1/",
    "broken escape": "https://example.org/%zz",
    "zone": "https://[fe80::1%25eth0]/",
    "plain zone": "https://[fe80::1%eth0]/",
    "zone on loopback": "https://[::1%25lo]/",
    "open bracket": "https://[::1/",
    "close bracket": "https://::1]/",
    "bare ipv6": "https://::1/",
    "nested brackets": "https://[[::1]]/",
    "ipv4 in brackets": "https://[127.0.0.1]/",
    "name in brackets": "https://[localhost]/",
    "after brackets": "https://[2606:4700::1111]evil/",
    "empty brackets": "https://[]/",
    "long ipv6": "https://[1:2:3:4:5:6:7:8:9]/",
    "no host": "https:///path",
    "only port": "https://:443/",
    "empty port": "https://example.org:/",
    "negative port": "https://example.org:-1/",
    "port 0": "https://example.org:0/",
    "padded port": "https://example.org:0443/",
    "port over": "https://example.org:65536/",
    "port wraps": "https://example.org:65979/",
    "two ports": "https://example.org:443:80/",
    "port of ssh": "https://example.org:22/",
    "port of redis": "http://example.org:6379/",
    "port of http with tls": "https://example.org:80/",
    "port of tls with http": "http://example.org:443/",
    "port in other digits": "https://example.org:\uff14\uff14\uff13/",
    "trailing dot": "https://example.org./",
    "two dots": "https://example..org/",
    "leading dot": "https://.example.org/",
    "only dot": "https://./",
    "leading hyphen": "https://-example.org/",
    "long label": f"https://{'a' * 64}.example.org/",
    "long name": f"https://{'a.' * 127}org/",
    "long url": f"https://example.org/{'a' * 2048}",
    "number label": "https://example.1/",
    "hexadecimal label": "https://example.0x7f/",
    "empty hexadecimal": "https://0x/",
    "circled name": "https://\u2460\u2461\u2466.0.0.1/",
    "soft hyphen": "https://127.0.0.\u00ad1/",
    "zero width": "https://127.0.0.1\u200b/",
    "bidi": "https://\u202e127.0.0.1/",
    "surrogate": "https://\ud800.example.org/",
    "fraction slash": "https://example.org\u2044@127.0.0.1/",
    "full width slash": "https://127.0.0.1\uff0f.example.org/",
    "full width at": "https://example.org\uff20127.0.0.1/",
    "non-breaking space": "https://127.0.0.1\u00a0/",
    "comma": "https://127.0.0.1,example.org/",
    "semicolon": "https://127.0.0.1;example.org/",
    "pipe": "https://127.0.0.1|example.org/",
    "asterisk": "https://*/",
    "empty": "",
    "scheme only": "https://",
    "scheme twice": "https://https://127.0.0.1/",
    "url in url": "url:https://127.0.0.1/",
}

DENIED_URLS: tuple[Case, ...] = (
    *(Case(f"address {text}", f"https://{text}/hook") for text in DENIED_IPV4),
    *(Case(f"address {text}", f"https://[{text}]/hook") for text in DENIED_IPV6),
    *(
        Case(f"{spelling} of {address}", f"https://{host}/latest/meta-data/")
        for address in _SPELT
        for spelling, host in _spellings(address).items()
    ),
    *(Case(f"http {address}", f"http://{address}/") for address in _SPELT),
    *(Case(f"port 8443 {address}", f"https://{address}:8443/") for address in _SPELT),
    *(Case(name, url) for name, url in _TRICKS.items()),
)


def urls_of_loopback(port: int) -> tuple[Case, ...]:
    """URLs that lead, for one parser or another, to a test's own server on 127.0.0.1."""
    names = {"name": "localhost", "name in capitals": "LOCALHOST", "name with a dot": "localhost.", "ipv6": "[::1]"}
    return tuple(
        Case(f"{spelling} of a trap", f"http://{host}:{port}/secret.pdf")
        for spelling, host in (_spellings("127.0.0.1") | names).items()
    )


DENIED_NAMES: dict[str, tuple[str, ...]] = {
    **{f"v4-{index}.example": (text,) for index, text in enumerate(DENIED_IPV4)},
    **{f"v6-{index}.example": (text,) for index, text in enumerate(DENIED_IPV6)},
    "localhost": ("127.0.0.1", "::1"),
    "localtest.example": ("127.0.0.1",),
    "metadata.google.internal": ("169.254.169.254",),
    "instance-data.example": ("169.254.169.254",),
    "good-then-bad.example": ("93.184.215.14", "127.0.0.1"),
    "bad-then-good.example": ("127.0.0.1", "93.184.215.14"),
    "good-a-bad-aaaa.example": ("93.184.215.14", "::1"),
    "bad-a-good-aaaa.example": ("10.0.0.1", "2606:4700:4700::1111"),
    "alias-to-metadata.example": ("169.254.169.254",),
    "many.example": (*(f"93.184.215.{number}" for number in range(63)), "10.0.0.1"),
    "too-many.example": tuple(f"93.184.215.{number}" for number in range(65)),
    "nothing.example": (),
    "intranet": ("10.1.2.3",),
    "b\u00fccher.example": ("192.168.1.1",),
}

PUBLIC_URLS: tuple[Case, ...] = (
    Case("name", "https://example.org/hook"),
    Case("no path", "https://example.org"),
    Case("query without path", "https://example.org?a=b"),
    Case("upper case", "HTTPS://EXAMPLE.ORG/Hook"),
    Case("port 443", "https://example.org:443/"),
    Case("port 8443", "https://example.org:8443/a/b?c=d&e=%20f#g"),
    Case("http", "http://example.org/"),
    Case("http port 80", "http://example.org:80/"),
    Case("international name", "https://b\u00fccher.example/"),
    Case("punycode", "https://xn--bcher-kva.example/"),
    Case("path in other letters", "https://example.org/caf\u00e9/\u4e2d.png"),
    Case("underscore", "https://my_service.example.org/"),
    Case("digits in the name", "https://1.2.3.example/"),
    Case("number first", "https://127.0.0.1.example.org/"),
    Case("address", "https://93.184.215.14/"),
    Case("ipv6", "https://[2606:4700:4700::1111]/"),
    Case("ipv6 with port", "https://[2606:4700:4700::1111]:8443/"),
    Case("at in path", "https://example.org/@user"),
    Case("at in fragment", "https://example.org#@127.0.0.1:22/"),
    Case("colon in path", "https://example.org/a:b"),
    Case("odd but lawful", "https://example.org/!$&'()*+,;=-._~"),
)

REDIRECT_TARGETS: tuple[Case, ...] = (
    *(Case(f"to {text}", f"https://{text}/") for text in DENIED_IPV4),
    *(Case(f"to {text}", f"https://[{text}]/") for text in DENIED_IPV6),
    Case("to file", "file:///etc/passwd"),
    Case("to gopher", "gopher://127.0.0.1:6379/_INFO"),
    Case("to ftp", "ftp://127.0.0.1/"),
    Case("to data", "data:image/png;base64,AAAA"),
    Case("to credentials", "https://user:secret@127.0.0.1/"),
    Case("to shorthand", "https://127.1/"),
    Case("to number", "https://2130706433/"),
    Case("to scheme-relative private", "//10.0.0.1/"),
    Case("to broken", "https://[::1/"),
    Case("to newline", "https://example.org/\x0bX"),
)
