"""Decides which URLs and which addresses the server may be sent to; nothing is looked up or opened here.

The tables follow the special-purpose address registries of IANA (RFC 6890 and its successors). An address that
is on none of them and is no global unicast address is refused as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin, urlsplit

from kinoscribe.contract.limits import LONGEST_URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE_IN_TARGET = "/?:@!$&'()*+,;=~%[]|"

_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
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
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class UrlRefused(Exception):
    """The text is one or two sentences for the client: what about the URL is not accepted, and what would be."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What an operator lets through beside public addresses on the usual ports. `ports` of `None` means all."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] | None = frozenset(_PORTS.values())


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is a name or an address in ASCII, `path` all that is asked of the host."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host as it stands in a URL and in the `Host` header, with the port when it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def make_gate(networks: Iterable[str] = (), ports: Iterable[int] = (80, 443)) -> Gate:
    """A gate from what the settings say; port 0 stands for all. Raises `ValueError` for what is no network."""
    chosen = frozenset(ports)
    return Gate(tuple(ip_network(n, strict=False) for n in networks), None if 0 in chosen else chosen)


def read_target(url: str, gate: Gate) -> Target:
    """Takes `url` apart. Raises `UrlRefused` for anything but a plain http(s) URL to a port that is allowed."""
    if len(url) > LONGEST_URL:
        raise UrlRefused(f"The URL is longer than {LONGEST_URL} characters.")
    if _UNSAFE.search(url):
        raise UrlRefused("The URL holds white space, a control character or a backslash.")
    try:
        parts = urlsplit(url)
        port = parts.port
        userinfo = "@" in parts.netloc
    except ValueError as error:
        raise UrlRefused("The URL cannot be read.") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise UrlRefused("Only http and https URLs are accepted.")
    if userinfo:
        raise UrlRefused("A URL with a user name or password is not accepted.")
    host = _read_host(parts.netloc)
    port = _PORTS[scheme] if port is None else port
    if gate.ports is not None and port not in gate.ports:
        raise UrlRefused(f"Port {port} is not allowed.")
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return Target(scheme, host, port, quote(target, safe=_SAFE_IN_TARGET))


def read_reachable(url: str, gate: Gate) -> Target:
    """As `read_target`, and refuses an address in place of a name where no connection to it would be opened.

    Where a name leads to is only known when it is looked up, and may be something else each time.
    """
    target = read_target(url, gate)
    try:
        address = ip_address(target.host)
    except ValueError:
        return target
    if not allowed(address, gate):
        raise UrlRefused("The URL names an address that is not public.")
    return target


def follow(target: Target, location: str, gate: Gate) -> Target:
    """Where a redirect from `target` leads. Raises `UrlRefused` as for a URL that a client sent."""
    return read_target(urljoin(target.url, location.strip()), gate)


def check_addresses(addresses: Iterable[str], gate: Gate) -> tuple[Address, ...]:
    """All addresses of one host, in the order given. Raises `UrlRefused` when there is none or any is not allowed."""
    found = tuple(ip_address(text) for text in addresses)
    if not found:
        raise UrlRefused("The host of the URL has no address.")
    if not all(allowed(address, gate) for address in found):
        raise UrlRefused("The host of the URL has an address that is not public.")
    return found


def allowed(address: Address, gate: Gate) -> bool:
    """Whether a connection to `address` may be opened."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = _inner(address)
        if inner is not None:
            return allowed(inner, gate)
    if any(address.version == network.version and address in network for network in gate.networks):
        return True
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a mapped or NAT64 address leads to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _read_host(netloc: str) -> str:
    """The host in lower case and ASCII. Addresses are only taken in their one usual spelling."""
    literal = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]*)?", netloc)
    if literal is not None:
        try:
            return str(IPv6Address(literal[1]))
        except ValueError as error:
            raise UrlRefused("The host of the URL is no valid IPv6 address.") from error
    name = netloc.partition(":")[0] if netloc.count(":") <= 1 else ""
    host = _ascii(name)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise UrlRefused("An IPv4 address is only accepted as four decimal numbers.") from error
    return host


def _ascii(name: str) -> str:
    """The name as it is looked up: IDNA where it is not ASCII, in lower case, without a dot at the end."""
    try:
        host = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    except UnicodeError as error:
        raise UrlRefused("The host of the URL is no valid name.") from error
    host = host.removesuffix(".")
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise UrlRefused("The host of the URL is no valid name.")
    return host
