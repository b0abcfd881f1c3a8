"""Calls to one place, one after another: each judged, bounded and without redirects, over a connection that is kept.

What the place has shown of itself, its address and its certificate, can be asked for.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpcore2
import httpx2
import msgspec

from aim.outbound.backend import PinnedBackend, UntrustedError
from aim.outbound.places import allowed_networks, check_place, place_of

SECONDS = 10.0
MOST_BYTES = 1_048_576


class UnreachableError(Exception):
    """The call was made and came to nothing: no connection, no answer in time, or too much of one."""


class TimedOutError(UnreachableError):
    """There was no answer in time."""


class TooLargeError(UnreachableError):
    """There was more of an answer than anybody wants to read."""


class CertificateError(UnreachableError):
    """The other side has shown a certificate that is not good for its name, so that nothing was sent to it."""

    def __init__(self, reason: str, *, expired: bool) -> None:
        super().__init__(f"certificate verify failed: {reason}")
        self.reason = reason
        self.expired = expired


@dataclass(frozen=True)
class Reply:
    """`seconds` is the time from the request to the end of what was read of the answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


@dataclass(frozen=True)
class Shown:
    """What the other side has shown in the handshake of TLS: `chain` is in DER, its own certificate first."""

    version: str
    cipher: str
    chain: tuple[bytes, ...]


class Line:
    """For one place or a few; not for several threads at once.

    `tls` is the context to trust by, which must verify; `most_seconds` ends everything, however many calls it takes.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, most_seconds: float = 3600.0) -> None:
        self._networks = allowed_networks()
        self._tls = tls or usual_tls()
        self._end = time.monotonic() + most_seconds
        self._backend = PinnedBackend(self._networks)
        transport = httpx2.HTTPTransport(verify=self._tls, trust_env=False, retries=0)
        # The one private attribute that is used; a test holds the version to it.
        transport._pool._network_backend = self._backend  # noqa: SLF001
        self._client = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
        complete: Callable[[Mapping[str, str], bytearray], bool] | None = None,
    ) -> Reply:
        """Make one call. Raises `RefusedError` where it may not be made, `UnreachableError` where it fails.

        An answer of 3xx is an answer like any other: nobody is sent elsewhere. `complete` says of the headers and what
        has been read of a body whether the rest is of no interest: for a stream that need not end.
        """
        check_place(url, self._networks)
        self._begin(seconds)
        sent = {"User-Agent": "AIM", "Accept-Encoding": "identity", **(headers or {})}
        started = time.monotonic()
        try:
            with self._client.stream(method, url, headers=sent, content=body) as response:
                shown = dict(response.headers)
                read = _read(response, shown, most_bytes, complete)
                return Reply(response.status_code, shown, read, time.monotonic() - started)
        except UntrustedError as error:
            raise CertificateError(str(error), expired=error.expired) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as error:
            raise _failure(error) from None

    def connect(self, url: str, *, seconds: float = SECONDS) -> str:
        """Connect and hang up; answers the address that was called. Errors as with `call`."""
        check_place(url, self._networks)
        self._begin(seconds)
        try:
            stream = self._backend.connect_tcp(*place_of(url))
        except (httpcore2.ConnectError, httpcore2.TimeoutException, OSError) as error:
            raise _failure(error) from None
        address = stream.get_extra_info("server_addr")
        stream.close()
        return str(address[0])

    def shake_hands(self, url: str, *, seconds: float = SECONDS) -> Shown:
        """What the place shows of itself in a handshake of TLS that is verified. Errors as with `call`."""
        return self._shake_hands(url, self._tls, seconds)

    def look_at(self, url: str, *, seconds: float = SECONDS) -> Shown:
        """What the place shows of itself, believed or not: to tell what is wrong with it. Nothing is sent to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return self._shake_hands(url, context, seconds)

    def _shake_hands(self, url: str, context: ssl.SSLContext, seconds: float) -> Shown:
        check_place(url, self._networks)
        self._begin(seconds)
        host, port = place_of(url)
        try:
            stream = self._backend.connect_tcp(host, port)
            try:
                secured = stream.start_tls(context, host)
            except BaseException:
                stream.close()
                raise
            try:
                return _shown(secured.get_extra_info("ssl_object"))
            finally:
                secured.close()
        except UntrustedError as error:
            raise CertificateError(str(error), expired=error.expired) from None
        except (httpcore2.ConnectError, httpcore2.TimeoutException, ssl.SSLError, OSError) as error:
            raise _failure(error) from None

    def _begin(self, seconds: float) -> None:
        self._backend.deadline = min(time.monotonic() + seconds, self._end)


def usual_tls() -> ssl.SSLContext:
    """The authorities that the operating system trusts, and TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _shown(secured: Any) -> Shown:
    """`secured` is the object inside of an `ssl.SSLSocket`, which is what httpcore gives."""
    own = secured.getpeercert(True)
    # Only this object gives the chain before Python 3.13. There is none where nothing was verified.
    verified = secured.context.verify_mode != ssl.CERT_NONE
    links = (secured.get_verified_chain() or ()) if verified else ()
    chain = tuple(ssl.PEM_cert_to_DER_cert(link.public_bytes()) for link in links)
    return Shown(str(secured.version()), str(secured.cipher()[0]), chain or ((own,) if own else ()))


def _failure(error: Exception) -> UnreachableError:
    text = f"{type(error).__name__}: {error}"[:300]
    if isinstance(error, (httpx2.TimeoutException, httpcore2.TimeoutException, TimeoutError)):
        return TimedOutError(text)
    return UnreachableError(text)


def _read(
    response: httpx2.Response,
    headers: Mapping[str, str],
    most_bytes: int,
    complete: Callable[[Mapping[str, str], bytearray], bool] | None,
) -> bytes:
    # Bytes as they come over the wire: nothing is unpacked, so that nothing small can become large.
    read = bytearray()
    for part in response.iter_raw():
        read += part
        if len(read) > most_bytes:
            raise TooLargeError(f"The answer is larger than {most_bytes} bytes")
        if complete is not None and complete(headers, read):
            break
    return bytes(read)


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer, or None for whatever else it is."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
