"""uvicorn's HTTP/1.1 protocol with a short cut for decisions: from the parsed request to the engine and back to the
socket, without a task, an ASGI scope and a cycle of messages for each.

Only what `VerifyLane` would answer at once is taken, for an agent this process knows; everything else goes the ordinary
way, with nothing lost. One request of a connection is under way at a time: those that a client sends ahead wait in
uvicorn's own queue until the short cut has answered.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aim.client_address import client_scheme
from aim.crypto.signature_base import SignedMessage
from verification.engine import running_engine
from verification.lane import PATH, Headers, own_door, standing_headers
from verification.records import Answer
from verification.requests import read_action_fast

log = structlog.get_logger("aim.verification")
_URL = PATH.encode()
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class _Nobody:
    """Stands where uvicorn wakes an application that waits for messages: here is none."""

    def set(self) -> None: ...


_NOBODY = _Nobody()


class _Pending:
    """Stands where uvicorn keeps the cycle of the request under way, with what the protocol asks of one."""

    __slots__ = ("correlation_id", "disconnected", "keep_alive", "message_event", "respond", "response_complete")

    def __init__(self, respond: "Callable[[_Pending, Answer], None]", correlation_id: str, *, keep_alive: bool) -> None:
        self.respond = respond
        self.correlation_id = correlation_id
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NOBODY

    def deliver(self, answer: Answer) -> None:
        self.respond(self, answer)


class DecisionProtocol(HttpToolsProtocol):
    # What each connection begins with.
    _idle_since = 0.0
    _look: asyncio.TimerHandle | None = None

    def on_message_begin(self) -> None:
        # The scope of an ASGI application is made once it is known that one is needed.
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._short: Headers | None = None
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        # Whether the client expects "100 Continue" is looked at once all headers are in.
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._short = self._headers_of_decision()
        if self._short is None:
            self._ordinary_headers_complete()

    def _ordinary_headers_complete(self) -> None:
        """What uvicorn does between the first line of a request and its body."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers += headers  # The scope has this very list.
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._short is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        headers, self._short = self._short, None
        if headers is None:
            super().on_message_complete()
        elif not self._begin(headers):
            # As if the headers had been read just now.
            self._ordinary_headers_complete()
            super().on_body(self._body)
            super().on_message_complete()

    def _headers_of_decision(self) -> Headers | None:
        """The headers of a request that may take the short cut."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if self.url != _URL or busy or self.flow.write_paused:
            return None
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or parser.should_upgrade():
            return None
        headers = Headers(self.headers)
        self._peer = self.client[0] if self.client else None
        self._scheme_used: str = self.scheme or "http"
        if headers.forwarded_proto is not None:
            self._scheme_used = client_scheme(self._peer, self._scheme_used, headers.forwarded_proto)
        return headers if own_door().admits(headers, self._scheme_used) else None

    def _begin(self, headers: Headers) -> bool:
        """Begin the decision; False where the ordinary way must take the request."""
        arrived = time.perf_counter_ns()
        engine = running_engine()
        body = self._body
        request = read_action_fast(body)
        agent = engine.known(request, headers.key_digest) if engine is not None and request is not None else None
        if engine is None or request is None or agent is None:
            return False
        message = SignedMessage("POST", self._scheme_used, headers.host, _URL, b"", self.headers, body, headers.fields)
        origin = headers.origin(message, self._peer, arrived)
        pending = _Pending(self._respond, origin.correlation_id, keep_alive=self.parser.should_keep_alive())
        self.cycle = cast("Any", pending)
        engine.begin(request, origin, agent, deliver=pending.deliver)
        return True

    def _respond(self, pending: _Pending, answer: Answer) -> None:
        pending.response_complete = True
        if pending.disconnected or self.transport.is_closing():
            return
        status, body, content_type, retry_after = answer
        self.transport.write(
            b"%b%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b"
            % (
                _head(status, content_type, retry_after),
                _lines(tuple(self.server_state.default_headers)),
                len(body),
                pending.correlation_id.encode(),
                b"" if pending.keep_alive else b"connection: close\r\n",
                body,
            )
        )
        if not pending.keep_alive:
            self.transport.close()
        if self.pipeline or self.flow.read_paused or not pending.keep_alive:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._rest()

    def _rest(self) -> None:
        """As uvicorn's time limit for a connection without a request, but for all its requests by one timer."""
        self._idle_since = self.loop.time()
        if self._look is None:
            self._look = self.loop.call_later(self.timeout_keep_alive, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._look = None
        if not self._idle_since:
            return  # A request has begun: the time is set again when it is answered.
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look = self.loop.call_later(left, self._end_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = 0.0
        super()._unset_keepalive_if_required()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        super().connection_lost(exc)


@lru_cache(maxsize=1024)
def _head(status: int, content_type: str, retry_after: int | None) -> bytes:
    """The first lines of every answer of a kind."""
    return _STATUS_LINES[status] + _lines(tuple(standing_headers(status, content_type, retry_after)))


@lru_cache(maxsize=16)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
