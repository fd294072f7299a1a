"""Which addresses a user's request may reach."""

import ipaddress

import pytest

from julep_project.core.http.addresses import AddressPolicy, destinations

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
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_global_unicast_is_permitted(address: str) -> None:
    assert AddressPolicy().permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.2.3.4", "fd00::7"])
def test_listed_networks_are_permitted(address: str) -> None:
    assert AddressPolicy.parse(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]).permits(address)


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "192.168.0.1", "fe80::1"])
def test_a_listed_network_opens_nothing_else(address: str) -> None:
    assert not AddressPolicy.parse(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]).permits(address)


def test_a_teredo_address_is_judged_by_its_server_and_its_client() -> None:
    client = ipaddress.IPv4Address(int(ipaddress.IPv4Address("127.0.0.1")) ^ 0xFFFFFFFF)
    text = f"2001:0:101:101:0:0:{int(client) >> 16:x}:{int(client) & 0xFFFF:x}"

    assert destinations(ipaddress.ip_address(text)) == (
        ipaddress.IPv4Address("1.1.1.1"),
        ipaddress.IPv4Address("127.0.0.1"),
    )
    assert not AddressPolicy().permits(text)


@pytest.mark.parametrize("entry", ["localhost", "10.0.0.0/99", "1.2.3", ""])
def test_a_wrong_entry_names_the_setting(entry: str) -> None:
    with pytest.raises(ValueError, match="JULEP_HTTP_ALLOW"):
        AddressPolicy.parse([entry])
