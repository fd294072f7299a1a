"""Where the installation itself listens and keeps its data: no place for requests that users ask for.

The API would take a request from this machine for one of its operator's, Flower shows every message, and the database
and Redis are one password away from everything.
"""

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_REDIS_PORT = 6379
_POSTGRES_PORT = 5432
_WEB_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class OwnAddress:
    """A port of a host. Without a host it is this machine's, on whatever address. With `is_shared` only a private
    address counts: behind a public one are others too."""

    host: str
    port: int
    is_shared: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`, with brackets around an IPv6 address.

        Raises:
            ValueError: it is something else.
        """
        host, separator, port = text.rpartition(":")
        if not separator or not port.isdecimal() or not 0 < int(port) < 65536 or (":" in host and host[0] != "["):
            raise ValueError(f"JULEP_HTTP_OWN takes places such as api:8080; it has {text!r}")
        return cls(host.strip("[]"), int(port))


def own_places() -> tuple[OwnAddress, ...]:
    """The places of this installation, as its settings name them.

    Raises:
        ValueError: a setting cannot be read.
    """
    return _places(
        settings.DATABASE_URL,
        settings.REDIS_URL,
        settings.FILES_S3_ENDPOINT_URL,
        (settings.HOST, settings.PORT),
        settings.FLOWER_PORT,
        tuple(settings.JULEP_HTTP_OWN),
    )


@cache
def _places(
    postgres: str, redis: str, bucket: str, api: tuple[str, int], flower_port: int, more: tuple[str, ...]
) -> tuple[OwnAddress, ...]:
    return (
        OwnAddress(*api),
        OwnAddress("", flower_port),
        *_places_of_postgres(postgres),
        *_places_of_redis(redis),
        *_places_of_web(bucket),
        *map(OwnAddress.parse, more),
    )


def is_own(places: Iterable[OwnAddress], address: Address, port: int) -> bool:
    """Whether a connection to this address and port would end at one of the places."""
    return any(place.port == port and _leads_to(place, address) for place in places)


def _places_of_postgres(url: str) -> Iterator[OwnAddress]:
    """Where a libpq URL leads. A server reached by its Unix socket may listen on the same port of this machine."""
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    hosts = str(parts.get("hostaddr") or parts.get("host") or "").split(",")
    ports = str(parts.get("port") or _POSTGRES_PORT).split(",")
    for index, host in enumerate(hosts):
        port = ports[min(index, len(ports) - 1)] or str(_POSTGRES_PORT)
        yield OwnAddress("" if host.startswith(("/", "@")) else host, int(port))


def _places_of_redis(url: str) -> Iterator[OwnAddress]:
    """Where a URL of Redis leads, or several, as those of sentinels are written."""
    for one in url.split(";"):
        parts = urlsplit(one)
        if "unix" in parts.scheme or "socket" in parts.scheme:
            yield OwnAddress("", _REDIS_PORT)
        else:
            yield OwnAddress(parts.hostname or "", parts.port or _REDIS_PORT)


def _places_of_web(url: str) -> Iterator[OwnAddress]:
    """Where an http or https URL leads; nowhere if it is empty."""
    parts = urlsplit(url)
    if parts.hostname:
        yield OwnAddress(parts.hostname, parts.port or _WEB_PORTS.get(parts.scheme, 80), is_shared=True)


def _leads_to(place: OwnAddress, address: Address) -> bool:
    if place.is_shared and address.is_global:
        return False
    found = _addresses_of(place.host)
    if address in found:
        return True
    return any(map(_is_here, found)) and _is_here(address)


def _addresses_of(host: str) -> list[Address]:
    """The addresses of a host; those of one that is not known just now cannot be reached either."""
    if not host:
        return [ipaddress.IPv4Address("127.0.0.1")]
    with suppress(ValueError):
        return [_unmapped(ipaddress.ip_address(host))]
    with suppress(OSError, UnicodeError, ValueError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [_unmapped(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]
    return []


def _unmapped(address: Address) -> Address:
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _is_here(address: Address) -> bool:
    """Whether it is an address of this machine: one that a socket could listen on."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
