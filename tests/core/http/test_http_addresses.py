"""Which addresses a user's request may reach."""

import ipaddress
from typing import Any

import pytest

from julep_project.core.http import own
from julep_project.core.http.addresses import AddressPolicy, destinations
from julep_project.core.http.own import OwnAddress

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::127.0.0.1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:0101:0101::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_but_global_unicast_is_refused(address: str) -> None:
    assert not AddressPolicy().permits(address, 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_global_unicast_is_permitted(address: str) -> None:
    assert AddressPolicy().permits(address, 80)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.2.3.4", "fd00::7"])
def test_listed_networks_are_permitted(address: str) -> None:
    assert AddressPolicy.parse(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]).permits(address, 80)


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "192.168.0.1", "fe80::1"])
def test_a_listed_network_opens_nothing_else(address: str) -> None:
    assert not AddressPolicy.parse(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]).permits(address, 80)


def test_a_teredo_address_is_judged_by_its_server_and_its_client() -> None:
    client = ipaddress.IPv4Address(int(ipaddress.IPv4Address("127.0.0.1")) ^ 0xFFFFFFFF)
    text = f"2001:0:101:101:0:0:{int(client) >> 16:x}:{int(client) & 0xFFFF:x}"

    assert destinations(ipaddress.ip_address(text)) == (
        ipaddress.IPv4Address("1.1.1.1"),
        ipaddress.IPv4Address("127.0.0.1"),
    )
    assert not AddressPolicy().permits(text, 80)


@pytest.mark.parametrize(
    ("entry", "address", "port"),
    [
        ("10.1.2.3:8080", "10.1.2.3", 8080),
        ("10.0.0.0/8:8080", "10.9.9.9", 8080),
        ("[::1]:8080", "::1", 8080),
        ("[fd00::/8]:443", "fd00::7", 443),
        ("[::1]", "::1", 8080),
    ],
)
def test_an_entry_with_a_port_opens_that_port(entry: str, address: str, port: int) -> None:
    policy = AddressPolicy.parse([entry])

    assert policy.permits(address, port)
    assert policy.permits(address, port + 1) is ("]:" not in entry and entry.endswith("]"))


LOOPBACK = ["127.0.0.0/8", "::1", "0.0.0.0", "::"]
HERE = ["127.0.0.1", "127.0.0.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"]


@pytest.mark.parametrize("address", HERE)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "localhost", "", "::1", "::ffff:127.0.0.1"])
def test_own_places_are_refused_where_the_rest_of_their_host_is_open(host: str, address: str) -> None:
    policy = AddressPolicy.parse(LOOPBACK, [OwnAddress(host, 8080)])

    assert not policy.permits(address, 8080)
    assert policy.permits(address, 8081)


def test_an_own_place_is_open_when_its_port_is_listed() -> None:
    own = [OwnAddress("0.0.0.0", 8080), OwnAddress("127.0.0.1", 6379)]
    policy = AddressPolicy.parse(["127.0.0.1", "127.0.0.1:8080"], own)

    assert policy.permits("127.0.0.1", 8080)
    assert not policy.permits("127.0.0.1", 6379)


def test_own_places_on_other_machines_and_on_public_addresses_are_refused() -> None:
    policy = AddressPolicy.parse(["10.0.0.0/8"], [OwnAddress("10.1.1.1", 5432), OwnAddress("1.1.1.1", 6379)])

    assert not policy.permits("10.1.1.1", 5432) and policy.permits("10.1.1.2", 5432)
    assert not policy.permits("1.1.1.1", 6379) and policy.permits("1.1.1.1", 443)


def test_an_address_of_this_machine_leads_to_what_listens_on_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_is_here", lambda address: str(address) in {"127.0.0.1", "10.5.5.5", "0.0.0.0"})
    policy = AddressPolicy.parse(["10.0.0.0/8"], [OwnAddress("0.0.0.0", 8080)])

    assert not policy.permits("10.5.5.5", 8080)
    assert policy.permits("10.5.5.6", 8080)


def test_the_settings_name_the_own_places(settings: Any) -> None:
    settings.HOST, settings.PORT, settings.FLOWER_PORT = "0.0.0.0", 8080, 5555  # noqa: S104
    settings.DATABASE_URL = "postgresql://u:p@db1:5433,db2/x"
    settings.REDIS_URL = "sentinel://:pw@s1:26379/0;sentinel://s2:26380/0"
    settings.FILES_S3_ENDPOINT_URL = "http://minio:9000"
    settings.JULEP_HTTP_OWN = ["api:8080", "[fd00::1]:5555"]

    assert own.own_places() == (
        OwnAddress("0.0.0.0", 8080),
        OwnAddress("", 5555),
        OwnAddress("db1", 5433),
        OwnAddress("db2", 5432),
        OwnAddress("s1", 26379),
        OwnAddress("s2", 26380),
        OwnAddress("minio", 9000, is_shared=True),
        OwnAddress("api", 8080),
        OwnAddress("fd00::1", 5555),
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u@/x?host=/run/pg", OwnAddress("", 5432)),
        ("postgresql:///x", OwnAddress("", 5432)),
        ("postgresql://[::1]:5440/x", OwnAddress("::1", 5440)),
        ("postgresql://u@name/x?hostaddr=10.0.0.9", OwnAddress("10.0.0.9", 5432)),
    ],
)
def test_places_of_databases(settings: Any, url: str, place: OwnAddress) -> None:
    settings.DATABASE_URL = url

    assert place in own.own_places()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://:pw@127.0.0.1:7000/0", OwnAddress("127.0.0.1", 7000)),
        ("rediss://cache", OwnAddress("cache", 6379)),
        ("unix:///run/redis.sock", OwnAddress("", 6379)),
        ("redis+socket:///run/redis.sock", OwnAddress("", 6379)),
    ],
)
def test_places_of_redis(settings: Any, url: str, place: OwnAddress) -> None:
    settings.REDIS_URL = url

    assert place in own.own_places()


@pytest.mark.parametrize("text", ["api", "api:", "api:0", "api:99999", "::1:80", ":80x", ""])
def test_a_wrong_place_names_the_setting(text: str) -> None:
    with pytest.raises(ValueError, match="JULEP_HTTP_OWN"):
        OwnAddress.parse(text)


def test_a_shared_place_on_a_public_address_stays_open() -> None:
    policy = AddressPolicy.parse(
        ["10.0.0.0/8"], [OwnAddress("1.1.1.1", 443, is_shared=True), OwnAddress("10.0.0.1", 9000, True)]
    )

    assert policy.permits("1.1.1.1", 443)
    assert not policy.permits("10.0.0.1", 9000)


@pytest.mark.parametrize(
    "entry", ["localhost", "10.0.0.0/99", "1.2.3", "", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:0", "[::1]x", "[::1]:99999"]
)
def test_a_wrong_entry_names_the_setting(entry: str) -> None:
    with pytest.raises(ValueError, match="JULEP_HTTP_ALLOW"):
        AddressPolicy.parse([entry])
