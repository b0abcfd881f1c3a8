"""The long poll of `GET /api/v1/verify/{id}?wait=20`: waits without holding a thread, then lets the view answer.

An agent whose request waits for a person asks again and again; here one asking costs a small query now and then.
"""

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any, LiteralString
from urllib.parse import parse_qs

from aim.secrets import digest_of
from verification.engine import Engine, running_engine
from verification.lane import App, Receive, Scope, Send
from verification.writer.errors import WriterError

LONGEST_WAIT = 20
INTERVAL_SECONDS = 0.25
_PATH = re.compile(r"/api/v1/verify/ver_([0-9a-f]{32})")
_STATE: LiteralString = """
SELECT status = 'pending' AND expires_at > clock_timestamp() AS waiting
FROM verification_verification WHERE id = %s AND agent_id = %s
"""


class WaitLane:
    """Holds a well-formed question back until its answer changes, or the time is up. It answers nothing itself."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        engine = running_engine()
        if engine is not None and scope["type"] == "http" and scope["method"] == "GET" and scope["query_string"]:
            match = _PATH.fullmatch(scope["path"])
            seconds = _seconds(scope["query_string"])
            if match is not None and seconds:
                receive = await _wait(engine, scope, receive, match[1], seconds)
        await self._app(scope, receive, send)


def _seconds(query: bytes) -> int:
    """How long the caller would wait: 0 for anything that is not a plain number of seconds, the view judges those."""
    values = parse_qs(query.decode("latin-1")).get("wait", [])
    if len(values) != 1 or not (values[0].isascii() and values[0].isdigit()) or len(values[0]) > len("20"):
        return 0
    return min(int(values[0]), LONGEST_WAIT)


async def _wait(engine: Engine, scope: Scope, receive: Receive, hex_id: str, seconds: int) -> Receive:
    """Wait while the decision is pending and the caller is there; answers a `receive` that loses no message."""
    secret = dict(scope["headers"]).get(b"authorization", b"")[len("Bearer ") :].decode("latin-1")
    first = asyncio.ensure_future(receive())
    gone: asyncio.Future[MutableMapping[str, Any]] | None = None
    try:
        agent = await engine.authenticate(digest_of(secret))
        until = engine.loop.time() + seconds
        while agent is not None and engine.loop.time() < until:
            rows = await engine.store.query(_STATE, hex_id, agent.agent_id.hex())
            if not rows or not rows[0]["waiting"]:
                break
            if gone is None and first.done():
                gone = asyncio.ensure_future(receive())
            if gone is not None and gone.done():
                break
            await asyncio.sleep(min(INTERVAL_SECONDS, max(until - engine.loop.time(), 0)))
    except WriterError:
        # The view finds out by itself that the database does not answer, and says so.
        pass
    return _again(receive, [task for task in (first, gone) if task is not None])


def _again(receive: Receive, begun: list["asyncio.Future[MutableMapping[str, Any]]"]) -> Receive:
    """A `receive` that first gives what the calls already begun bring."""
    left = iter(begun)

    async def next_message() -> MutableMapping[str, Any]:
        for message in left:
            return await message
        return await receive()

    return next_message
