"""Tests stay on this machine: any other connection or name look-up raises."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


class OutsideConnection(Exception):
    """A test tried to reach another machine. Not an OSError, so that no client swallows it as a failed connection."""


_own_networks: list[ipaddress.IPv4Network] = []


@contextmanager
def own_network(network: ipaddress.IPv4Network) -> Iterator[None]:
    """Let the block reach a network that the test made, all of it on this machine."""
    _own_networks.append(network)
    try:
        yield
    finally:
        _own_networks.remove(network)


@contextmanager
def loopback_only() -> Iterator[None]:
    """Refuse everything but loopback addresses and Unix sockets inside the block."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if not _is_local_name(host):
            raise OutsideConnection(f"look-up of {host!r}")
        return getaddrinfo(host, *args, **options)

    with (
        mock.patch.object(socket.socket, "connect", guarded_connect),
        mock.patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        mock.patch.object(socket, "getaddrinfo", guarded_getaddrinfo),
    ):
        yield


def _check(family: int, address: Any) -> None:
    if family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
        raise OutsideConnection(f"connection to {address!r}")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or _is_here(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_here(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_loopback or any(address in network for network in _own_networks)


def _is_local_name(host: Any) -> bool:
    """Names that are resolved without the network: numbers in any spelling, and this machine."""
    text = host.decode() if isinstance(host, bytes) else host
    if text in {None, "", "localhost", socket.gethostname()} or ":" in text:
        return True
    try:
        socket.inet_aton(text)
    except (OSError, UnicodeError):
        return False
    return True
