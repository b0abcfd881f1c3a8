"""Whether an address answers at all, before it is kept."""

import ssl
import time

from aim.errors import InvalidInputError, Problem
from aim.outbound.backend import RefusedError
from aim.outbound.calls import UnreachableError, call
from mcp.models import McpServer

UNREACHABLE = "Cannot reach server. Check URL and network connectivity."


def check_reachable(server: McpServer, url: str, *, field: str) -> float:
    """Call the address once, with the server's own authorities; answers the milliseconds it took.

    Any answer will do: whether it is the right server, its signature will show. Raises `InvalidInputError`.
    """
    started = time.monotonic()
    try:
        call("GET", url, seconds=server.timeout_seconds, most_bytes=65_536, tls=_tls(server))
    except (RefusedError, UnreachableError) as error:
        problems = (Problem(field, "unreachable", UNREACHABLE), Problem(field, "unreachable", str(error)))
        raise InvalidInputError(problems) from None
    return (time.monotonic() - started) * 1000


def _tls(server: McpServer) -> ssl.SSLContext | None:
    if not server.ca_certificate:
        return None
    context = ssl.create_default_context(cadata=server.ca_certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
