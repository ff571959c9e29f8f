"""Guards connections to the outside: no address of this machine or of a private network, and TLS always verified.

The address is judged at the moment of the connection, after every name, spelling and redirect has become one.
"""

import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec
from aiohttp.abc import ResolveResult
from yarl import URL

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_ISATAP = (0x5EFE, 0x0200_5EFE)
"""The 32 bits before the IPv4 address in the interface part of an IPv6 one (RFC 5214)."""
_SPECIAL = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16"))
)
"""Networks of IANA's registries (2026-11-29) that Python takes for public: protocols, relays, documentation."""
_PROVIDERS_OWN = frozenset({IPv4Address("168.63.129.16")})
"""Public addresses that lead to the machine's own cloud provider (Azure, 2026-11-29)."""
NOT_PUBLIC = "the address is not public"
PRIVATE = "it is on this machine or in a private network, which allow_private_networks forbids"


class AddressRefused(OSError):
    """The address is this machine's own, or of a private network, and the operator did not write it."""

    def __init__(self) -> None:
        super().__init__(NOT_PUBLIC)


def was_refused(error: BaseException) -> bool:
    """True if aiohttp could not connect because of this guard."""
    # Of several addresses the library joins the texts of the errors.
    return NOT_PUBLIC in str(getattr(error, "os_error", ""))


class OutboundRules(msgspec.Struct, frozen=True):
    """Where connections may go, and whose certificates are accepted."""

    allow_private_networks: bool = False
    written: frozenset[tuple[str, int]] = frozenset()
    """Hosts and ports that the operator wrote as addresses: `127.0.0.1`, `localhost`, `10.0.0.7`."""
    ca_file: Path | None = None
    """Certificates of authorities that are accepted beside the system's own."""


class OutboundSettings(Protocol):
    """The operator's settings of one service that is called."""

    @property
    def allow_private_networks(self) -> bool:
        """True: any address may be connected to."""

    @property
    def ca_file(self) -> Path | None:
        """Certificates that are accepted beside the system's own."""


def rules_of(settings: OutboundSettings, written: Iterable[str]) -> OutboundRules:
    """Returns the rules for a service; `written` are the texts of the operator's that may be addresses."""
    return OutboundRules(settings.allow_private_networks, written_hosts(written), settings.ca_file)


def written_hosts(addresses: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Returns host and port of those addresses whose host is an IP address or `localhost`."""
    found = set()
    for text in addresses:
        url = _url(text)
        host = None if url is None else url.host
        if url is None or host is None or url.port is None:
            continue
        if host == "localhost":
            found |= {("127.0.0.1", url.port), ("::1", url.port)}
        elif (address := parsed(host)) is not None:
            found.add((str(_bare(address)), url.port))
    return frozenset(found)


class _Resolver(aiohttp.ThreadedResolver):
    """Resolves names; one that no host can have is like one that no host has."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            return await super().resolve(host, port, family)
        except UnicodeError:
            raise OSError("the name has a part that is empty or too long") from None


def guarded_connector(rules: OutboundRules) -> aiohttp.TCPConnector:
    """Returns a connector for a session; it needs a running loop."""

    def guarded_socket(found: tuple[int, int, int, str, tuple[str | int, ...]]) -> socket.socket:
        family, kind, protocol, _, where = found
        if not is_allowed(rules, str(where[0]), int(where[1])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        resolver=_Resolver(),
        socket_factory=guarded_socket,
        ssl=tls_context(rules.ca_file),
    )


def is_allowed(rules: OutboundRules, host: str, port: int) -> bool:
    """True if a connection may be made to this IP address."""
    address = parsed(host)
    if address is None:
        return False
    return (
        rules.allow_private_networks
        or is_public(address)
        or (str(_bare(address)), port) in rules.written
    )


def is_public(address: Address) -> bool:
    """True for an address of the Internet, also where another one is wrapped in it."""
    inner = _unwrapped(address)
    if inner is not None:
        return is_public(inner)
    if address.is_multicast or address in _PROVIDERS_OWN:
        return False
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv6Address):
        if address.is_site_local:
            return False
        low = int(address) & 0xFFFF_FFFF_FFFF_FFFF
        if low >> 32 in _ISATAP and not is_public(IPv4Address(low & 0xFFFF_FFFF)):
            return False
    return address.is_global


def parsed(host: str) -> Address | None:
    """Returns the IP address that a text is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unwrapped(address: Address) -> IPv4Address | None:
    """Returns the IPv4 address inside: mapped, translated, compatible, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    if inner is None and (address in _NAT64 or address in _TRANSLATED or 1 < int(address) < 2**32):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner


def _bare(address: Address) -> Address:
    """Returns the address as operators write it: IPv4 where it is that, and without a zone."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _url(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} else None


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Returns a context that verifies certificates and names, with TLS 1.2 or later.

    Raises:
        OSError: the file cannot be read.
        ssl.SSLError: it has no certificate.
    """
    if ca_file is None:
        return _context(None, 0)
    # An exchanged file is in force from the next connection pool on.
    return _context(ca_file, ca_file.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, _changed_at: int) -> ssl.SSLContext:
    """Reading the system's authorities takes 20 ms: one context serves all connections alike."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
