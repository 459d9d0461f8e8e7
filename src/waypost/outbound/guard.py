"""
Where a customer's URL may lead: one strict parser and one address rule.

    parse_target(text, policy) -> Target      what to connect to, or UrlRefused
    policy.admits(address, port) -> bool      asked for every address of a name, and again of the connected peer
    check_custom_headers(headers) -> str|None names and values a customer may add to webhooks

The address rule and the corpus it is tested with are those of the project's security notes; the ranges are IANA's
special-purpose registries (read Sep 2026), written out because `ipaddress.is_global` of CPython 3.11 is True for
multicast, 6to4, NAT64 and the platform address 168.63.129.16.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote

import idna

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

URL_CHARACTERS_MAX = 2048
HTTPS_PORTS = frozenset({443, 8443})
HTTP_PORTS = frozenset({80})

_REFUSED_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_REFUSED_IPV6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))

# Where clouds keep the credentials of the machine. No setting opens these: all of IPv4 link-local (AWS, Azure, GCP,
# Oracle, ECS and EKS agents live there), Azure's platform address, Alibaba's, Oracle Classic's, and the IPv6 forms of
# AWS (fd00:ec2::/32), GCP (fd20:ce::254) and Oracle (fd00:c1::a9fe:a9fe).
_METADATA_IPV4 = tuple(
    IPv4Network(text) for text in ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")
)
_METADATA_IPV6 = tuple(
    IPv6Network(text) for text in ("fd00:ec2::/32", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128", "fe80::a9fe:a9fe/128")
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_EMBEDDING_IN_LAST_32_BITS = tuple(IPv6Network(text) for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48"))

_FORBIDDEN_ESCAPE = re.compile(r"%(?:[01][0-9a-fA-F]|7[fF]|(?![0-9a-fA-F]{2}))")
_FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff\ud800-\udfff]")
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:@%]+)(?::([1-9][0-9]{0,4}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_SAFE = "/:@!$&'()*+,;=-._~%?"


class UrlRefused(ValueError):  # noqa: N818 - a refusal, in the words of the domain
    """A URL we will not connect to; the text is for operators' logs, never for the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPolicy:
    """
    What an operator permits beyond public https.

    `allowed_networks`: addresses that pass the address rule although they are private, on any port; metadata addresses
    stay refused even inside them. `allowed_ports`: the ports of public addresses in place of 443 and 8443 (and 80 for
    http); None keeps those.
    """

    allow_http: bool = False
    allowed_networks: tuple[IpNetwork, ...] = ()
    allowed_ports: frozenset[int] | None = None

    def admits(self, address: IpAddress, port: int, *, scheme: str | None = None) -> bool:
        """
        Say whether we may connect to this address and port. Mapped IPv6 is judged as the IPv4 it is.

        `scheme` None, where only the address is in hand, takes the ports of every permitted scheme.
        """
        plain = _unmapped(address)
        if is_metadata(plain):
            return False
        if any(plain in network for network in self.allowed_networks if network.version == plain.version):
            return True
        return self.is_public_port(port, scheme=scheme) and is_public(plain)

    def is_public_port(self, port: int, *, scheme: str | None = None) -> bool:
        """Say whether the port may be used on public addresses."""
        if self.allowed_ports is not None:
            return port in self.allowed_ports
        if scheme != "http" and port in HTTPS_PORTS:
            return True
        return scheme != "https" and self.allow_http and port in HTTP_PORTS


OPERATOR_POLICY = OutboundPolicy(allow_http=True, allowed_networks=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")))
"""For URLs that the operator wrote: anything but metadata addresses, still parsed strictly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A parsed URL: what to connect to and what to ask for.

    `host` is lower-case ASCII, without brackets for IPv6; `address` is set when the host is an address and is then the
    only one; `path_and_query` starts with "/" and is percent-encoded. A fragment is dropped, as it is never sent.
    """

    scheme: str
    host: str
    port: int
    path_and_query: str
    address: IpAddress | None

    @property
    def authority(self) -> str:
        """The Host header's value: no port when it is the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL rebuilt from its checked parts; parsing it again gives the same target."""
        return f"{self.scheme}://{self.authority}{self.path_and_query}"


def parse_target(text: str, policy: OutboundPolicy) -> Target:
    """
    Parse a customer's URL strictly: what two parsers could read differently is refused.

    Refused are: anything but http(s), http without the policy's leave, credentials, control characters, white space,
    backslashes, percent signs and zone ids in the host, numeric shorthands of addresses (`127.1`, `0x7f.1`,
    `2130706433`, `0177.0.0.1`, and what IDNA folds into them), empty or odd ports, trailing dots, labels over 63 bytes.
    A literal address is judged here; a name's addresses are judged when it is looked up.

    Raises: UrlRefused.
    """
    if len(text) > URL_CHARACTERS_MAX:
        raise UrlRefused(f"longer than {URL_CHARACTERS_MAX} characters")
    if _FORBIDDEN_IN_URL.search(text):
        raise UrlRefused("has a control character, white space or backslash")
    match = _URL.fullmatch(text)
    if match is None:
        raise UrlRefused("is not an absolute http or https URL")
    scheme = match[1].lower()
    if scheme == "http" and not policy.allow_http:
        raise UrlRefused("plain http is not permitted")
    authority = _AUTHORITY.fullmatch(match[2])
    if authority is None:
        raise UrlRefused("the host or port is malformed, or there are credentials")
    port = int(authority[2]) if authority[2] else (443 if scheme == "https" else 80)
    if port > 65535:
        raise UrlRefused("the port is out of range")
    host, address = _parse_host(authority[1])
    if address is not None and not policy.admits(address, port, scheme=scheme):
        raise UrlRefused(f"the address {address} port {port} is not permitted")
    if address is None and not policy.allowed_networks and not policy.is_public_port(port, scheme=scheme):
        raise UrlRefused(f"port {port} is not permitted")
    if _FORBIDDEN_ESCAPE.search(text):
        raise UrlRefused("has an escaped control character or a broken escape")
    path = quote(match[3] or "/", safe=_PATH_SAFE)
    query = quote(match[4] or "", safe=_PATH_SAFE)
    return Target(scheme=scheme, host=host, port=port, path_and_query=path + query, address=address)


def is_public(address: IpAddress) -> bool:
    """Apply the address rule: True only for addresses of the public Internet."""
    plain = _unmapped(address)
    if isinstance(plain, IPv4Address):
        return not any(plain in network for network in _REFUSED_IPV4)
    return plain in _GLOBAL_IPV6 and not any(plain in network for network in _REFUSED_IPV6)


def is_metadata(address: IpAddress) -> bool:
    """Say whether the address is, or carries inside it, one that clouds serve machine credentials on."""
    plain = _unmapped(address)
    if isinstance(plain, IPv4Address):
        return any(plain in network for network in _METADATA_IPV4)
    if plain.scope_id is not None or any(plain in network for network in _METADATA_IPV6):
        return True
    carried = _carried_ipv4(plain)
    return carried is not None and any(carried in network for network in _METADATA_IPV4)


def _unmapped(address: IpAddress) -> IpAddress:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _carried_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    if any(address in network for network in _EMBEDDING_IN_LAST_32_BITS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _parse_host(text: str) -> tuple[str, IpAddress | None]:
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except AddressValueError as error:
            raise UrlRefused("the IPv6 address is malformed") from error
        return address.compressed, address
    if text.isascii():
        host = text.lower()
    else:
        try:
            host = idna.encode(text, uts46=True, std3_rules=True, transitional=False).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError) as error:
            raise UrlRefused("the host is not a valid international name") from error
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("the host is not a valid name")
    # The system's resolver takes `127.1`, `0x7f000001`, `2130706433` and `0177.0.0.1` for addresses, so a name whose
    # last label is a number must be a dotted quad in its one canonical spelling, typed in ASCII.
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        try:
            address_v4 = IPv4Address(host)
        except AddressValueError as error:
            raise UrlRefused("the host is a numeric shorthand") from error
        if not text.isascii():
            raise UrlRefused("the host is an address in disguise")
        return host, address_v4
    return host, None


HEADER_COUNT_MAX = 20
HEADER_NAME_CHARACTERS_MAX = 64
HEADER_VALUE_CHARACTERS_MAX = 1024
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "origin",
        "set-cookie",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    }
)
_RESERVED_HEADER_PREFIXES = ("webhook-", "proxy-", "sec-", "x-forwarded-", "x-waypost-", "x-http-method", "x-original-")


def check_custom_headers(headers: Mapping[str, str]) -> str | None:
    """
    Check the headers a customer wants on its webhooks; return what is wrong with the first bad one, or None.

    Bounds: 20 headers, names of 64 and values of 1024 characters, printable ASCII. Names that frame the request, that
    sign it (`webhook-*`), or that speak for a proxy are reserved. The text never repeats a value, which may be secret.
    """
    if len(headers) > HEADER_COUNT_MAX:
        return f"at most {HEADER_COUNT_MAX} headers are allowed"
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name) or len(name) > HEADER_NAME_CHARACTERS_MAX:
            return f"a header name must be 1 to {HEADER_NAME_CHARACTERS_MAX} letters, digits or '-'"
        if lower in _RESERVED_HEADERS or lower.startswith(_RESERVED_HEADER_PREFIXES):
            return f"the header {name} is reserved"
        if lower in seen:
            return f"the header {name} is given twice"
        seen.add(lower)
        if not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            return f"the value of {name} must be printable ASCII without leading or trailing spaces"
        if len(value) > HEADER_VALUE_CHARACTERS_MAX:
            return f"the value of {name} is longer than {HEADER_VALUE_CHARACTERS_MAX} characters"
    return None
