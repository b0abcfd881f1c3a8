"""The native lane: answers a well-formed `POST /api/v1/verify/action` without Django's request cycle.

Whatever it is not sure of goes to the DRF view of the same path, with the body it has already read. Both call the same
engine, so that they differ in speed only.
"""

import itertools
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from aim.client_address import client_address, client_scheme
from aim.crypto.signature_base import SignedMessage
from aim.middleware import REQUEST_ID
from verification.contracts import Origin
from verification.engine import running_engine
from verification.records import Answer
from verification.requests import read_action_fast

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 65_536
_DIGITS = 6
# Unique without a system call each: a random name of the process, and a count.
_PROCESS = os.urandom(8).hex() + "-"
_requests = itertools.count(1)
PATH = "/api/v1/verify/action"
_UNUSUAL = frozenset({b"content-encoding", b"transfer-encoding", b"expect"})
_ONCE = (b"host", b"authorization", b"x-forwarded-for")
_JSON_TYPES = frozenset({b"application/json", b"application/json; charset=utf-8"})
log = structlog.get_logger("aim.verification")


class Door(NamedTuple):
    """Which requests are surely ours. `hosts` are Host headers in lower case; where `secure` is set, only what came by
    HTTPS is answered by a quick lane, and Django sends the rest away.
    """

    hosts: frozenset[bytes]
    secure: bool

    def admits(self, headers: "Headers", scheme: str) -> bool:
        return headers.plain and headers.host.lower() in self.hosts and (scheme == "https" or not self.secure)


@cache
def own_door() -> Door:
    """The door of this installation, by its settings."""
    return Door(hosts_of(settings.ALLOWED_HOSTS, settings.ORIGIN), settings.SECURE_TRANSPORT)


def hosts_of(allowed_hosts: list[str], origin: str) -> frozenset[bytes]:
    """The Host headers that name this installation: its public one, and the allowed names with any usual port."""
    parts = urlsplit(origin)
    ports = {"", f":{parts.port}"} if parts.port else {""}
    names = {host for host in allowed_hosts if "*" not in host and not host.startswith(".")}
    hosts = {f"{name}{port}" for name in names for port in ports} | {parts.netloc}
    return frozenset(host.lower().encode() for host in hosts)


class VerifyLane:
    """Wraps the ASGI application."""

    def __init__(self, app: App, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        arrived = time.perf_counter_ns()
        engine = running_engine()
        headers = Headers(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else None
        scheme = client_scheme(peer, scope["scheme"], headers.forwarded_proto)
        if engine is None or not self._door.admits(headers, scheme):
            await self._app(scope, receive, send)
            return
        messages, body = await _read_body(receive, headers.length)
        request = None if body is None else read_action_fast(body)
        if request is None:
            await self._app(scope, _replay(messages, receive), send)
            return
        message = SignedMessage(
            "POST",
            scheme,
            headers.host,
            scope["raw_path"],
            scope["query_string"],
            scope["headers"],
            body or b"",
            headers.fields,
        )
        origin = headers.origin(message, peer, arrived)
        await send_answer(send, await engine.verify(request, origin), origin.correlation_id)


class Headers:
    """The few headers the lane reads; `plain` is false as soon as anything is unusual. `fields` are all of them by
    name, or None where a name comes twice.
    """

    __slots__ = ("fields", "forwarded_for", "forwarded_proto", "host", "key_digest", "length", "plain", "request_id")

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        fields = dict(headers)
        self.fields: dict[bytes, bytes] | None = fields
        get = fields.get
        plain = _UNUSUAL.isdisjoint(fields) and get(b"content-type") in _JSON_TYPES
        if len(fields) != len(headers):
            self.fields = None
            names = [name for name, _ in headers]
            plain = plain and not any(names.count(name) > 1 for name in _ONCE)
        self.host = get(b"host", b"")
        authorization = get(b"authorization", b"")
        # `digest_of` of the key: what is not ASCII is not plain, and its digest never used.
        self.key_digest = sha256(authorization[7:]).digest()
        length = get(b"content-length", b"")
        self.length = int(length) if length.isdigit() and len(length) <= _DIGITS else -1
        self.plain = plain and authorization.startswith(b"Bearer aim_") and authorization.isascii()
        self.plain = self.plain and 0 < self.length <= MAX_BODY
        value = get(b"x-request-id")
        self.request_id: str | None = None
        if value is not None and REQUEST_ID.fullmatch(text := value.decode("latin-1")):
            self.request_id = text
        value = get(b"x-forwarded-for")
        self.forwarded_for = None if value is None else value.decode("latin-1")
        value = get(b"x-forwarded-proto")
        self.forwarded_proto = None if value is None else value.decode("latin-1")

    def origin(self, message: SignedMessage, peer: str | None, arrived_ns: int) -> Origin:
        """Where the request came from, as the decision sees it."""
        address = client_address(peer, self.forwarded_for) or "unknown"
        correlation_id = self.request_id or f"{_PROCESS}{next(_requests):x}"
        return Origin(message, address, self.key_digest, correlation_id, arrived_ns)


async def _read_body(receive: Receive, length: int) -> tuple[list[MutableMapping[str, Any]], bytes | None]:
    """The messages received and the body they make, or None in its place when it is not what was announced."""
    messages: list[MutableMapping[str, Any]] = []
    body = b""
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return messages, None
        body += message.get("body", b"")
        if len(body) > length:
            return messages, None
        if not message.get("more_body", False):
            return messages, body if len(body) == length else None


def _replay(messages: list[MutableMapping[str, Any]], receive: Receive) -> Receive:
    """A `receive` that first gives again what was already read."""
    left = iter(messages)

    async def again() -> MutableMapping[str, Any]:
        for message in left:
            return message
        return await receive()

    return again


def standing_headers(status: int, content_type: str, retry_after: int | None) -> list[tuple[bytes, bytes]]:
    """The headers that every answer of this kind has, the same in every lane."""
    headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="aim"'))
    return headers


def answer_headers(answer: Answer, correlation_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, the same in every lane."""
    return [
        *standing_headers(answer.status, answer.content_type, answer.retry_after),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", correlation_id.encode()),
    ]


async def send_answer(send: Send, answer: Answer, correlation_id: str) -> None:
    headers = answer_headers(answer, correlation_id)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
