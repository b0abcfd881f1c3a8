"""Connections to addresses that were looked at: the name is resolved once, and what was judged is what is called."""

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2

from aim.outbound.addresses import Network, why_refused

_HAS_EXPIRED = 10
"""`X509_V_ERR_CERT_HAS_EXPIRED` of OpenSSL."""


class RefusedError(Exception):
    """The call may not be made, whatever would answer."""


class UnresolvedError(RefusedError):
    """The name has no address."""


class UntrustedError(Exception):
    """The other side has shown a certificate that is not good for the name; nothing was sent to it."""

    def __init__(self, reason: str, *, expired: bool) -> None:
        super().__init__(reason)
        self.expired = expired


def judged_addresses(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """Every address of the name; raises `RefusedError` when any of them may not be called, or when there is none.

    A name with one good and one bad address is somebody's trick, so that one bad address spoils all.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnresolvedError(f"{host} cannot be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if (reason := why_refused(address, allowed)) is not None:
            raise RefusedError(f"{host}: {reason}")
    if not addresses:
        raise UnresolvedError(f"{host} cannot be resolved")
    return addresses


class PinnedBackend(httpcore2.NetworkBackend):
    """Judges the name's addresses at each connection and connects to one of those; everything ends by the deadline.

    `deadline` is a moment of `time.monotonic()`, set anew before each call.
    """

    def __init__(self, allowed: Sequence[Network], *, deadline: float = 0.0) -> None:
        self._allowed = allowed
        self.deadline = deadline

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
                    address, port, _remaining(self.deadline, timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            return _BoundedStream(stream, self)
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

    def __init__(self, stream: httpcore2.NetworkStream, backend: PinnedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._backend.deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._backend.deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, _remaining(self._backend.deadline, timeout))
        except httpcore2.ConnectError as error:
            if isinstance(reason := error.__cause__, ssl.SSLCertVerificationError):
                expired = reason.verify_code == _HAS_EXPIRED
                raise UntrustedError(reason.verify_message or str(reason), expired=expired) from None
            raise
        return _BoundedStream(stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("The call took too long")
    return left if timeout is None else min(left, timeout)
