"""Whether an address that somebody has entered may be called at all."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

from aim.outbound.addresses import Network
from aim.outbound.backend import RefusedError, judged_addresses

_DEFAULT_PORTS = {"https": 443, "http": 80}


@lru_cache(maxsize=1)
def allowed_networks() -> tuple[Network, ...]:
    """The networks beside the public ones that the operator has named, in `AIM_OUTBOUND_ALLOW`."""
    return tuple(ip_network(text) for text in settings.OUTBOUND_ALLOW)


def check_place(url: str, networks: Sequence[Network]) -> None:
    """Raises `RefusedError` unless the address could be called right now."""
    addresses = judged_addresses(*place_of(url), networks)
    if urlsplit(url).scheme == "http" and not all(_is_named(address, networks) for address in addresses):
        raise RefusedError("Plain http is for networks that AIM_OUTBOUND_ALLOW names; use https")


def place_of(url: str) -> tuple[str, int]:
    """The host and the port; raises `RefusedError` for what is no address of http."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedError("Not an address such as https://hooks.example.com/aim") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or any(character <= " " for character in url):
        raise RefusedError("Not an address such as https://hooks.example.com/aim")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("An address with a name and a password in it is not called")
    return host, port or _DEFAULT_PORTS[parts.scheme]


def _is_named(address: str, networks: Sequence[Network]) -> bool:
    return any(ip_address(address) in network for network in networks)
