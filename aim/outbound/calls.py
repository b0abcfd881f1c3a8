"""The only way to call an address that somebody has entered: judged, pinned, bounded in time and size, no redirects."""

import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache

from aim.outbound.addresses import Network
from aim.outbound.lines import MOST_BYTES, SECONDS, Line, Reply, usual_tls
from aim.outbound.lines import UnreachableError as UnreachableError
from aim.outbound.places import allowed_networks as allowed_networks
from aim.outbound.places import check_place


def check_url(url: str, *, allowed: Sequence[Network] | None = None) -> None:
    """Raises `RefusedError` unless the address could be called right now: for the moment somebody enters it."""
    check_place(url, allowed_networks() if allowed is None else allowed)


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
    """Make one call, as `Line.call` does; `Line` is for several to the same place."""
    with Line(tls=tls or _usual_tls()) as line:
        return line.call(method, url, headers=headers, body=body, seconds=seconds, most_bytes=most_bytes)


@lru_cache(maxsize=1)
def _usual_tls() -> ssl.SSLContext:
    return usual_tls()
