"""What may be called and what may not, by address alone."""

from ipaddress import ip_network

import pytest

from aim.outbound.addresses import why_refused

EVERYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1"),
]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "0.1.2.3"),
    *("224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "192.88.99.1"),
    *("::", "::7f00:1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1::1"),
    *("::ffff:169.254.169.254", "::ffff:0:0", "::ffff:224.0.0.1"),
    *("", "localhost", "1", "127.1", "0x7f.1", "2130706433", "1.2.3.4.5", "1.2.3.4:80", "[::1]"),
]


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_may_be_called(address):
    assert why_refused(address, []) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_may_be_called_where_they_are_named(address):
    assert why_refused(address, []) is not None
    assert why_refused(address, EVERYTHING) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_called_whatever_is_named(address):
    assert why_refused(address, []) is not None
    assert why_refused(address, EVERYTHING) is not None


def test_only_what_is_named_is_allowed():
    named = [ip_network("10.1.0.0/16")]
    assert why_refused("10.1.2.3", named) is None
    assert why_refused("10.2.0.1", named) is not None
    assert why_refused("::ffff:10.1.2.3", named) is None
