"""Whose a request is: the address of the client, behind whatever proxies, as limits count by it.

`X-Forwarded-For` is believed as far as trusted proxies wrote it: read from its right, up to the first address that is
no such proxy.  A host has a whole /64 of IPv6 to take addresses from, so that is one client.

What comes from a trusted address without that header is the operator's own, and nobody's: it is not counted.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

__all__ = ["NOBODY", "Proxies", "current", "named", "peer_of"]

NOBODY: Final = ""
"""The client that is not counted."""
current: ContextVar[str] = ContextVar("client", default=NOBODY)
"""The client whose request is being answered; of tasks that were started for it, too."""
_UNKNOWN: Final = "unknown"  # who is behind a proxy that says nothing that is an address
_HOPS: Final = 50
_HOST: Final = 64  # bits of an IPv6 address that its holder cannot choose

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of proxies that are trusted."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    def trusts(self, peer: str | None) -> bool:
        """Whether who connects from an address is trusted; None is a socket of this machine that has none."""
        return peer is None or self._trusts(_read(peer))

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)

    def client(self, peer: str | None, forwarded: Iterable[str]) -> str:
        """The client of a request that came from an address with such `X-Forwarded-For` fields."""
        if not self.trusts(peer):
            return named(peer)
        hops = [hop for hop in ",".join(forwarded).split(",") if hop.strip()]
        if not hops:
            return NOBODY
        address: Address | None = None
        for hop in reversed(hops[-_HOPS:]):
            address = _read(hop)
            if not self._trusts(address):
                break
        return _UNKNOWN if address is None else _name(address)


def named(peer: str | None) -> str:
    """What an address counts as."""
    address = _read(peer or "")
    return _UNKNOWN if address is None else _name(address)


def _name(address: Address) -> str:
    return str(address if isinstance(address, IPv4Address) else ip_network((address, _HOST), strict=False))


def _read(text: str) -> Address | None:
    """An address, with a port or without; one of IPv4 as that, however it is written."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def peer_of(transport: Any) -> str | None:
    """The address that a connection comes from; None if it has none."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else None
