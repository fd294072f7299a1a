"""Which network addresses a request made for a user may reach.

An address counts as what it leads to: forms that wrap or tunnel an IPv4 address are judged by that address.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC: tuple[Network, ...] = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # a cloud's host agent, on an address that looks public
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays into 6to4
    ipaddress.IPv6Network("2001:db8::/32"),
    ipaddress.IPv6Network("3fff::/20"),
)


@dataclass(frozen=True)
class AddressPolicy:
    """Global unicast addresses, and the networks listed in `allowed`."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Read addresses and CIDR networks.

        Raises:
            ValueError: an entry is neither.
        """
        networks = []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                raise ValueError(
                    f"JULEP_HTTP_ALLOW takes addresses and networks such as 10.0.0.0/8; it has {entry!r}"
                ) from None
        return cls(tuple(networks))

    def permits(self, text: str) -> bool:
        """Whether a connection to this address (as the resolver writes it) may be opened."""
        address = ipaddress.ip_address(text)
        return all(is_public(target) or self._lists(target) for target in destinations(address))

    def _lists(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.allowed)


def destinations(address: Address) -> tuple[Address, ...]:
    """Where packets to this address end: the IPv4 addresses it wraps, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address,)


def is_public(address: Address) -> bool:
    """Whether it is a global unicast address."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST_V6:
        return False
    listed = any(address.version == network.version and address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not address.is_reserved and not listed
