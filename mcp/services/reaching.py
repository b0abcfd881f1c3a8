"""Whether an address answers at all, before it is kept."""

import time

from aim.encryption import UndecryptableError
from aim.errors import InvalidInputError, Problem
from aim.outbound.problems import CANNOT_REACH_ENDPOINT, ErrorCode, ProbeError
from mcp.models import AuthMethod, McpServer
from mcp.probe.client import ServerClient
from mcp.probe.target import Target, same_origin, target_of

_MOST_BYTES = 65_536


def check_reachable(server: McpServer, url: str, *, field: str) -> float:
    """Call the address once, just as a verification run would; answers the milliseconds it took.

    At the server's own origin that is with its credential, its authorities and AIM's certificate for mutual TLS. Any
    answer will do: whether it is the right server, its signature will show. Raises `InvalidInputError`.
    """
    started = time.monotonic()
    try:
        _ask(_target(server, url), url)
    except ProbeError as error:
        texts = (error.text, error.detail) if error.detail else (error.text,)
        raise InvalidInputError(tuple(Problem(field, error.code.value, text) for text in texts)) from None
    return (time.monotonic() - started) * 1000


def _ask(target: Target, url: str) -> None:
    with ServerClient(target) as client:
        client.connect(url, unreachable=CANNOT_REACH_ENDPOINT)
        try:
            client.call("GET", url, most_bytes=_MOST_BYTES, unreachable=CANNOT_REACH_ENDPOINT)
        except ProbeError as error:
            shown = target.auth_method == AuthMethod.MTLS and same_origin(url, target.url)
            if error.code == ErrorCode.UNREACHABLE and shown:
                # The server was there a moment ago: it hangs up on whoever has no certificate that it likes.
                raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, error.detail) from None
            raise


def _target(server: McpServer, url: str) -> Target:
    try:
        return target_of(server, verification_url=url)
    except UndecryptableError:
        text = "The credential cannot be decrypted with any of the master keys. Set it again."
        raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, text) from None
