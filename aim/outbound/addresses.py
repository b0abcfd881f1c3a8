"""Which network addresses the product may call when somebody has told it where.

Everything that is not plainly public is refused, unless the operator names it; what can only be an attack or a mistake
is refused even then.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The services of cloud providers that give credentials to whoever asks from the machine, and what hides another
# address inside: it would be judged by the wrong one.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this network": reaches the machine itself
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the wire server of Azure
        "192.0.0.0/24",  # protocol assignments, among them metadata of Oracle Cloud
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/96",  # unspecified, and IPv4-compatible; ::1 is looked at before
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 within a network
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fd00:ec2::254/128",  # metadata of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, given up
        "ff00::/8",  # multicast
    )
)
_LOOPBACK_6 = IPv6Address("::1")


def why_refused(address: str, allowed: Iterable[Network]) -> str | None:
    """Why this address may not be called, or None. `allowed` are the networks that the operator has named."""
    try:
        parsed: Address = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is no address"
    if "%" in address:
        return f"{address} is link-local"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed != _LOOPBACK_6 and any(parsed in network for network in _NEVER if network.version == parsed.version):
        return f"{parsed} must never be called"
    if parsed.is_global or any(parsed in network for network in allowed if network.version == parsed.version):
        return None
    return f"{parsed} is not public"
