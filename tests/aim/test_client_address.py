import pytest

from aim.client_address import client_address

PROXY = "10.0.0.7"


@pytest.fixture
def behind_proxies(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]


def test_without_proxies_the_header_is_not_believed():
    assert client_address("192.0.2.1", "198.51.100.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "header", "caller"),
    [
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (PROXY, "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        (PROXY, None, PROXY),
        (PROXY, "nonsense", PROXY),
        (PROXY, "198.51.100.1, nonsense", PROXY),
        ("::ffff:10.0.0.7", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("", "198.51.100.1", None),
        (None, None, None),
    ],
)
@pytest.mark.usefixtures("behind_proxies")
def test_the_nearest_address_that_is_no_proxy_is_the_caller(peer, header, caller):
    assert client_address(peer, header) == caller
