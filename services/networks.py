"""Where a request comes from, as coarse as the log may know it."""

import ipaddress
from collections.abc import Sequence

UNKNOWN = "0.0.0.0"  # noqa: S104 - the unspecified address as "unknown"; nothing is bound to it
_V4_BITS, _V6_BITS = 24, 48

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """Callers' networks. Only `trusted` proxies are believed about whom they speak for.

    `city` are the networks of the city's own offices.
    """

    def __init__(self, trusted: Sequence[str], city: Sequence[str] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in trusted)
        self._city: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in city)

    def of(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """The caller's /24 or /48 with host bits zero: the last hop that is no trusted proxy of ours."""
        address = self._caller(peer, forwarded_for)
        return UNKNOWN if address is None else _prefix(address)

    def kind_of(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """ "city", "internet", or "unknown" for what has no public address and is no office of the city's."""
        address = self._caller(peer, forwarded_for)
        if address is None:
            return "unknown"
        if any(address in network for network in self._city):
            return "city"
        return "internet" if address.is_global else "unknown"

    def _caller(
        self, peer: str | None, forwarded_for: Sequence[str]
    ) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        for hop in [peer or "", *reversed(hops)]:
            address = _parse(hop)
            if address is None:
                return None
            if not any(address in network for network in self._trusted):
                return address
        return None


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _prefix(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    bits = _V4_BITS if address.version == 4 else _V6_BITS
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)
