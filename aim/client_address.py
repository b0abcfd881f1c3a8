"""Where a call came from, believing X-Forwarded-For only as far as our own proxies wrote it."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(peer: str | None, forwarded_for: str | None = None) -> str | None:
    """The address of the caller: `peer` is the other end of the socket, `forwarded_for` the header's value.

    The header is read from its end, where the nearest proxy wrote; the first address that is none of
    `AIM_TRUSTED_PROXIES` is the caller. None where nothing of that is an address.
    """
    return _client_address(peer or "", forwarded_for or "", tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=4096)
def _client_address(peer: str, forwarded_for: str, trusted: tuple[str, ...]) -> str | None:
    networks = _trusted(trusted)
    address = _address(peer)
    for hop in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in networks):
            break
        nearer = _address(hop.strip())
        if nearer is None:
            break
        address = nearer
    return str(address) if address else None


def client_scheme(peer: str | None, scheme: str, forwarded_proto: str | None = None) -> str:
    """`http` or `https`, as the caller used it: X-Forwarded-Proto counts only from a trusted proxy."""
    if forwarded_proto not in {"http", "https"}:
        return scheme
    address = _address(peer or "")
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    trusted = address is not None and any(address in network for network in networks)
    return forwarded_proto if trusted else scheme


@lru_cache(maxsize=4)
def _trusted(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
