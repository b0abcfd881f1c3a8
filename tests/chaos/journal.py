"""What was asked and answered, in a file of the client's own: all that the oracle believes besides the database."""

import asyncio
import os
from pathlib import Path

import msgspec


class Asked(msgspec.Struct, tag="asked", frozen=True, omit_defaults=True):
    """A request, written and made durable before its first byte leaves. `label` groups those measured together."""

    n: int
    agent: str
    nonce: str
    request_id: str
    label: str
    verification: str = ""
    """Set where this reports a completion of that verification."""


class Answered(msgspec.Struct, tag="answered", frozen=True, omit_defaults=True):
    """What came back. `status` is 0 where nothing did, for the reason in `lost`; `id` is the `verification_id`."""

    n: int
    status: int
    ms: float
    at: float
    """Seconds since 1970 when the answer was there."""
    approved: bool = False
    decision: str = ""
    id: str = ""
    code: str = ""
    retry_after: int = 0
    content_type: str = ""
    lost: str = ""


Line = Asked | Answered


class Journal:
    """Append-only. A line is written with one system call at once, so that it outlives this process.

    fsync is shared by all who wait for one, which hides nothing: no request is sent before the fsync that covers its
    line has returned, and the file is read only after the fsync of `close`. A crash of the machine between an answer
    and the next fsync would end the whole run, and with it its verdict.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._encode = msgspec.json.Encoder().encode
        self._next: asyncio.Task[None] | None = None
        self._syncing = asyncio.Lock()

    def write(self, line: Line) -> None:
        os.write(self._file, self._encode(line) + b"\n")

    async def sync(self) -> None:
        """Return once everything written so far is on the disk."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._sync())
        await asyncio.shield(self._next)

    async def _sync(self) -> None:
        async with self._syncing:
            # Whoever writes from here on needs another fsync.
            self._next = None
            await asyncio.get_running_loop().run_in_executor(None, os.fsync, self._file)

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)


def read_journal(path: Path) -> tuple[dict[int, Asked], dict[int, Answered]]:
    """The requests and the answers, by number."""
    decode = msgspec.json.Decoder(Line).decode
    asked: dict[int, Asked] = {}
    answered: dict[int, Answered] = {}
    for text in path.read_bytes().splitlines():
        line = decode(text)
        if isinstance(line, Asked):
            asked[line.n] = line
        else:
            answered[line.n] = line
    return asked, answered
