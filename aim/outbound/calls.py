"""The only way to call an address that somebody has entered: judged, pinned, bounded in time and size, no redirects."""

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from aim.outbound.addresses import Network
from aim.outbound.backend import PinnedBackend, RefusedError, judged_addresses

SECONDS = 10.0
MOST_BYTES = 1_048_576
_DEFAULT_PORTS = {"https": 443, "http": 80}


class UnreachableError(Exception):
    """The call was made and came to nothing: no connection, no answer in time, or too much of one."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def check_url(url: str, *, allowed: Sequence[Network] | None = None) -> None:
    """Raises `RefusedError` unless the address could be called right now: for the moment somebody enters it."""
    networks = allowed_networks() if allowed is None else allowed
    host, port = _place(url)
    addresses = judged_addresses(host, port, networks)
    if urlsplit(url).scheme == "http" and not all(_is_named(address, networks) for address in addresses):
        raise RefusedError("Plain http is for networks that AIM_OUTBOUND_ALLOW names; use https")


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Make one call. Raises `RefusedError` where it may not be made, `UnreachableError` where it fails.

    An answer of 3xx is an answer like any other: nobody is sent elsewhere.
    """
    networks = allowed_networks()
    check_url(url, allowed=networks)
    deadline = time.monotonic() + seconds
    transport = httpx2.HTTPTransport(verify=tls or _usual_tls(), trust_env=False, retries=0)
    # The one private attribute that is used; a test holds the version to it.
    transport._pool._network_backend = PinnedBackend(networks, deadline=deadline)  # noqa: SLF001
    sent = {"User-Agent": "AIM", "Accept-Encoding": "identity", **(headers or {})}
    try:
        with (
            httpx2.Client(
                transport=transport, trust_env=False, follow_redirects=False, timeout=httpx2.Timeout(seconds)
            ) as client,
            client.stream(method, url, headers=sent, content=body) as response,
        ):
            return Reply(response.status_code, dict(response.headers), _read(response, most_bytes))
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as error:
        raise UnreachableError(f"{type(error).__name__}: {error}"[:300]) from None


@lru_cache(maxsize=1)
def allowed_networks() -> tuple[Network, ...]:
    """The networks beside the public ones that the operator has named, in `AIM_OUTBOUND_ALLOW`."""
    return tuple(ip_network(text) for text in settings.OUTBOUND_ALLOW)


@lru_cache(maxsize=1)
def _usual_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read(response: httpx2.Response, most_bytes: int) -> bytes:
    # Bytes as they come over the wire: nothing is unpacked, so that nothing small can become large.
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > most_bytes:
            raise UnreachableError(f"The answer is larger than {most_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def _place(url: str) -> tuple[str, int]:
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
