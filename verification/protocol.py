"""uvicorn's HTTP/1.1 protocol with a short cut for decisions: from the parsed request to the engine and back to the
socket, without a task, an ASGI scope and a cycle of messages for each.

Only what `VerifyLane` would answer at once is taken, for an agent this process knows; everything else goes the ordinary
way, with nothing lost. One request of a connection is under way at a time: those that a client sends ahead wait in
uvicorn's own queue until the short cut has answered.
"""

import time
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aim.client_address import client_scheme
from aim.crypto.signature_base import SignedMessage
from verification.engine import running_engine
from verification.lane import PATH, Headers, answer_headers, own_door
from verification.records import Answer
from verification.requests import read_action_fast

log = structlog.get_logger("aim.verification")
_URL = PATH.encode()
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class _Nobody:
    """Stands where uvicorn wakes an application that waits for messages: here is none."""

    def set(self) -> None: ...


class _Pending:
    """Stands where uvicorn keeps the cycle of the request under way, with what the protocol asks of one."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.message_event = _Nobody()


class DecisionProtocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._short: Headers | None = None
        self._body = b""

    def on_headers_complete(self) -> None:
        self._short = self._headers_of_decision()
        if self._short is None:
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
            super().on_headers_complete()
            super().on_body(self._body)
            super().on_message_complete()

    def _headers_of_decision(self) -> Headers | None:
        """The headers of a request that may take the short cut."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if self.url != _URL or busy or self.expect_100_continue or self.flow.write_paused:
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
        request = read_action_fast(self._body)
        agent = engine.known(request, headers.key_digest) if engine is not None and request is not None else None
        if engine is None or request is None or agent is None:
            return False
        message = SignedMessage("POST", self._scheme_used, headers.host, _URL, b"", self.headers, self._body)
        origin = headers.origin(message, self._peer, arrived)
        pending: Any = _Pending(keep_alive=self.parser.should_keep_alive())
        self.cycle = pending
        engine.begin(request, origin, agent, deliver=partial(self._respond, pending, origin.correlation_id))
        return True

    def _respond(self, pending: _Pending, correlation_id: str, answer: Answer) -> None:
        pending.response_complete = True
        if pending.disconnected or self.transport.is_closing():
            return
        lines = [_STATUS_LINES[answer.status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        for name, value in answer_headers(answer, correlation_id):
            lines += (name, b": ", value, b"\r\n")
        if not pending.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (b"\r\n", answer.body)
        self.transport.write(b"".join(lines))
        if not pending.keep_alive:
            self.transport.close()
        self.on_response_complete()
