"""Requests to a server in AIM's name: authenticated, bounded, and with a `ProbeError` for whatever goes wrong."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from aim.outbound.lines import Line, Reply, Shown
from aim.outbound.problems import ErrorCode, ProbeError, problem_of
from mcp.probe.authentication import Headers, authentication_of
from mcp.probe.target import Target, same_origin
from mcp.probe.trust import other_tls, server_tls

_Result = TypeVar("_Result")
RUN_SECONDS = 300.0
"""A run takes no longer, however many steps of however many seconds it has."""
MOST_BYTES = 1_048_576
UNAUTHORIZED = frozenset({401, 403})


class ServerClient:
    """Calls one server during one run. The credential goes to the server's own origin alone."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._end = time.monotonic() + RUN_SECONDS
        self._line: Line | None = None
        self._other: Line | None = None
        self._headers: Headers | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in (self._line, self._other):
            if line is not None:
                line.close()

    def authenticate(self) -> None:
        """Prepare the credential: read it, or fetch a token for it."""
        self._headers = authentication_of(self.target, seconds=self._seconds)

    def connect(self, url: str, *, unreachable: str = "") -> str:
        """Connect and hang up; answers the address that was called."""
        return self._guarded(lambda: self.line_to(url).connect(url, seconds=self._seconds()), unreachable)

    def shake_hands(self, url: str) -> Shown:
        return self._guarded(lambda: self.line_to(url).shake_hands(url, seconds=self._seconds()))

    def look_at(self, url: str) -> Shown:
        """See `Line.look_at`."""
        return self._guarded(lambda: self.line_to(url).look_at(url, seconds=self._seconds()))

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        most_bytes: int = MOST_BYTES,
        complete: Callable[[Mapping[str, str], bytearray], bool] | None = None,
        unreachable: str = "",
    ) -> Reply:
        sent = dict(headers or {})
        if same_origin(url, self.target.url):
            if self._headers is None:
                self.authenticate()
            assert self._headers is not None
            sent |= self._headers(method, url, body)
        return self._guarded(
            lambda: self.line_to(url).call(
                method,
                url,
                headers=sent,
                body=body,
                seconds=self._seconds(),
                most_bytes=most_bytes,
                complete=complete,
            ),
            unreachable,
        )

    def line_to(self, url: str) -> Line:
        """The server's own line, or the one for places that are none of its."""
        if same_origin(url, self.target.url):
            if self._line is None:
                self._line = Line(tls=server_tls(self.target))
            return self._line
        if self._other is None:
            self._other = Line(tls=other_tls(self.target))
        return self._other

    def _seconds(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError(ErrorCode.TIMEOUT, f"The whole run took more than {RUN_SECONDS:.0f} seconds.")
        return min(left, float(self.target.timeout_seconds))

    def _guarded(self, act: Callable[[], _Result], unreachable: str = "") -> _Result:
        try:
            return act()
        except ProbeError:
            raise
        except Exception as error:  # noqa: BLE001 - `problem_of` raises again what it does not know
            raise problem_of(error, unreachable=unreachable) from None
