"""Where status changes may go: administrators write addresses, and nobody gets inside by one (SSRF)."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from foundation.errors import InvalidInput

LONGEST_URL = 500
FIELD = "callbackUrl"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]


class AddressRefused(Exception):
    """A name that leads to no address, or to one that nobody may call. `fault` is a word of ours."""

    def __init__(self, fault: str, *, final: bool) -> None:
        super().__init__(fault)
        self.fault = fault
        self.final = final


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was looked at, and the name that its certificate must have."""

    url: str
    """With the address in the place of the name: what was checked is what is called."""
    host_header: str
    server_name: str


def checked_url(text: str, *, private: bool = False) -> str:
    """`text` if status changes may go there: https, a name, no credentials, no fragment.

    `private`: addresses and names of this machine too. Raises InvalidInput("callbackUrl").
    """
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInput(FIELD)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(FIELD) from error
    host = parts.hostname or ""
    plain = parts.scheme == "https" and not parts.username and not parts.password and not parts.fragment
    if not plain or "@" in parts.netloc or "\\" in text or not host or port == 0:
        raise InvalidInput(FIELD)
    if not private and (_literal(host) is not None or "." not in host.rstrip(".") or _is_inside(host)):
        raise InvalidInput(FIELD)
    return text


async def target_of(url: str, resolve: Resolve, *, private: bool = False) -> Target:
    """Look the name up once; every address it has must be public. Raises AddressRefused.

    The connection goes to the address that was checked, so that a name can't lead elsewhere a moment later.
    """
    try:
        parts = urlsplit(checked_url(url, private=private))
    except InvalidInput as error:
        raise AddressRefused("address", final=True) from error
    host, port = parts.hostname or "", parts.port or 443
    try:
        found = await resolve(host, port)
    except OSError as error:
        raise AddressRefused("unresolved", final=False) from error
    addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
    if not addresses:
        raise AddressRefused("unresolved", final=False)
    if not private and not all(_is_public(address) for address in addresses):
        raise AddressRefused("private_address", final=True)
    # IPv4 first: an address without a way there would cost the whole time.
    address = sorted(addresses, key=lambda one: one.version)[0]
    shown = f"[{address}]" if address.version == 6 else str(address)
    return Target(_rewritten(parts, f"{shown}:{port}"), parts.netloc, host)


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def _rewritten(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        # "127.1", "0x7f000001", "2130706433": addresses to some resolvers.
        if host.replace(".", "").isdigit() or host.startswith("0x"):
            return ipaddress.ip_address(0)
        return None


def _is_inside(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast
