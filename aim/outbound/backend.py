"""Connections to addresses that were looked at: the name is resolved once, and what was judged is what is called."""

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2

from aim.outbound.addresses import Network, why_refused


class RefusedError(Exception):
    """The call may not be made, whatever would answer."""


def judged_addresses(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """Every address of the name; raises `RefusedError` when any of them may not be called, or when there is none.

    A name with one good and one bad address is somebody's trick, so that one bad address spoils all.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedError(f"{host} cannot be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if (reason := why_refused(address, allowed)) is not None:
            raise RefusedError(f"{host}: {reason}")
    if not addresses:
        raise RefusedError(f"{host} cannot be resolved")
    return addresses


class PinnedBackend(httpcore2.NetworkBackend):
    """For one call: judges the name's addresses and connects to one of those; everything ends by the deadline."""

    def __init__(self, allowed: Sequence[Network], *, deadline: float) -> None:
        self._allowed = allowed
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} does not answer")
        for address in judged_addresses(host, port, self._allowed):
            try:
                stream = httpcore2.SyncBackend().connect_tcp(
                    address, port, _remaining(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            return _BoundedStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the signature of the backend
        timeout: float | None = None,  # noqa: ARG002 - see above
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - see above
    ) -> httpcore2.NetworkStream:
        raise RefusedError("Unix sockets are not called")


class _BoundedStream(httpcore2.NetworkStream):
    """Reads and writes until the deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _remaining(self._deadline, timeout))
        return _BoundedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("The call took too long")
    return left if timeout is None else min(left, timeout)
