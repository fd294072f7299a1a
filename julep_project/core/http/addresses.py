"""Which network addresses a request made for a user may reach.

An address counts as what it leads to: forms that wrap or tunnel an IPv4 address are judged by that address.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from julep_project.core.http.own import OwnAddress, is_own

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
class Opened:
    """A network that is open beside the public internet; with a `port`, that port alone."""

    network: Network
    port: int | None = None

    @classmethod
    def parse(cls, entry: str) -> Self:
        """Read an address or a network, with or without a port: `10.0.0.0/8`, `10.1.2.3:8080`, `[fd00::/8]:443`.

        Raises:
            ValueError: it is something else.
        """
        text, port = entry, ""
        if entry.startswith("["):
            text, _, port = entry[1:].partition("]")
        elif entry.count(":") == 1:
            text, _, port = entry.partition(":")
            port = f":{port}"
        if port and not (port[0] == ":" and port[1:].isdecimal() and 0 < int(port[1:]) < 65536):
            raise ValueError
        return cls(ipaddress.ip_network(text, strict=False), int(port[1:]) if port else None)

    def includes(self, address: Address, port: int) -> bool:
        """Whether it opens the way to this address and port."""
        return self.port in (None, port) and address.version == self.network.version and address in self.network


@dataclass(frozen=True)
class AddressPolicy:
    """Global unicast addresses, and what is listed in `allowed`; of the places in `own` only those listed with their
    port. The host and port in `named` are the operator's own choice, whatever their address."""

    allowed: tuple[Opened, ...] = ()
    own: tuple[OwnAddress, ...] = ()
    named: tuple[str, int] | None = None

    @classmethod
    def parse(cls, entries: Iterable[str], own: Iterable[OwnAddress] = ()) -> Self:
        """Read addresses and CIDR networks, each with or without a port.

        Raises:
            ValueError: an entry is neither.
        """
        opened = []
        for entry in entries:
            try:
                opened.append(Opened.parse(entry))
            except ValueError:
                raise ValueError(
                    "JULEP_HTTP_ALLOW takes addresses and networks, with or without a port, such as 10.0.0.0/8 or "
                    f"127.0.0.1:8080; it has {entry!r}"
                ) from None
        return cls(tuple(opened), tuple(own))

    def permits(self, text: str, port: int) -> bool:
        """Whether a connection to this address (as the resolver writes it) and port may be opened."""
        return all(self._permits(target, port) for target in destinations(ipaddress.ip_address(text)))

    def belongs_here(self, text: str, port: int) -> bool:
        return any(is_own(self.own, target, port) for target in destinations(ipaddress.ip_address(text)))

    def _permits(self, address: Address, port: int) -> bool:
        opened = [entry for entry in self.allowed if entry.includes(address, port)]
        if any(entry.port is not None for entry in opened):
            return True
        return bool(opened or is_public(address)) and not is_own(self.own, address, port)


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
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST_V6:
        return False
    listed = any(address.version == network.version and address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not address.is_reserved and not listed
