"""The floors: what any service of this kind has to do at the least, as bare ASGI on uvicorn, one process.

`bare` parses and answers. `checks` also finds the agent, checks the signature (RFC 9421, RFC 9530) and some facts in
memory. `a` also records each decision, one durable transaction for all that wait; `b` with one INSERT each.
"""

import argparse
import gc
import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
import uvicorn
from psycopg_pool import AsyncConnectionPool

from aim.ids import uuid7_bytes
from tests.bench.agents import read_agents
from tests.bench.floor_checks import Checks, ParsedAction
from tests.bench.group_commit import GroupCommit

_JSON = (b"content-type", b"application/json")
_POOL = 16

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Writer(Protocol):
    """Something that makes a record durable before it returns."""

    def record(self, key: bytes, value: bytes) -> Awaitable[None]: ...


class OneInsertEach:
    """Floor B: the ordinary way, a pool and a statement per request, each its own transaction."""

    def __init__(self, url: str) -> None:
        self.pool = AsyncConnectionPool(
            url, min_size=_POOL, max_size=_POOL, open=False, kwargs={"autocommit": True, "prepare_threshold": 0}
        )

    async def record(self, key: bytes, value: bytes) -> None:
        async with self.pool.connection() as connection:
            await connection.execute("INSERT INTO floor_record VALUES (%b, %b)", (UUID(bytes=key), value))


class Floor:
    """The ASGI application of one floor."""

    def __init__(self, kind: str, *, agents: Path, url: str) -> None:
        self.kind = kind
        self.url = url
        self.checks = Checks(read_agents(agents)) if kind != "bare" else None
        self.writer: Writer | None = None
        self._decode = msgspec.json.Decoder(ParsedAction).decode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        try:
            action = self._decode(body)
        except msgspec.MsgspecError:
            return await _answer(send, 400, b'{"approved":false,"status":"denied","code":"malformed"}')
        started = time.time()
        key = uuid7_bytes(started)
        if self.checks is not None:
            results = self.checks.run(scope, body, action, now=started)
            if results.refused:
                return await _answer(send, 401, b'{"approved":false,"status":"denied","code":"%b"}' % results.refused)
            record = results.record(key, body, started)
            if self.writer is not None:
                try:
                    await self.writer.record(key, record)
                except Exception:  # noqa: BLE001 - whatever kept the record from being written refuses the action
                    return await _answer(send, 503, b'{"approved":false,"status":"denied","code":"not_recorded"}')
        expires = b"%.3f" % (started + 60)
        return await _answer(
            send,
            200,
            b'{"approved":true,"status":"approved","verification_id":"ver_%b","expires_at":%b}'
            % (key.hex().encode(), expires),
        )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        pool = None
        if self.kind == "a":
            self.writer = GroupCommit(self.url)
        elif self.kind == "b":
            writer = OneInsertEach(self.url)
            pool = writer.pool
            await pool.open(wait=True)
            self.writer = writer
        gc.collect()
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if pool is not None:
            await pool.close()
        if isinstance(self.writer, GroupCommit):
            self.writer.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Send, status: int, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["bare", "checks", "a", "b"])
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    parser.add_argument("--agents", type=Path, required=True)
    arguments = parser.parse_args()
    config = uvicorn.Config(
        Floor(arguments.kind, agents=arguments.agents, url=os.environ["DATABASE_URL"]),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=arguments.fd)])


if __name__ == "__main__":
    main()
