"""A crowd at `/ws/activity`, in a process of its own: `python -m tests.chaos.sockets`.

Reads one line of JSON from its input (`Crowd`), opens the sockets and says so by an empty line. Then it waits for a
line with the number of decisions that there were, waits until everybody has been told of them, and prints a `Report`.
Silent sockets read nothing before that. Everything is spoken here byte by byte, so that nothing reads on its own.
"""

import asyncio
import base64
import os
import secrets
import socket
import sys
from collections.abc import Sequence

import msgspec

PATIENCE_SECONDS = 60.0
OPENING = 25
"""So many handshakes at a time."""
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_SHORT, _LONG = 126, 127
_SMALL_BUFFER = 4096


class Crowd(msgspec.Struct):
    """Sockets are shared out among the tokens, one after the other; `rate` is what the silent ones ask for."""

    port: int
    tokens: list[str]
    reading: int
    silent: int
    rate: int


class Report(msgspec.Struct):
    """`wrong` counts those sockets that stayed open and were told of another number than there was."""

    opened: int = 0
    told: int = 0
    skipped: int = 0
    skipped_by_silent: int = 0
    closed_readers: int = 0
    closed_silent: int = 0
    wrong: list[str] = []


class _Message(msgspec.Struct):
    type: str
    events: list[msgspec.Raw] = []
    skipped: int = 0


_decode = msgspec.json.Decoder(_Message).decode


class Listener:
    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.told = self.skipped = 0
        self.closed = False
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def number(self) -> int:
        return self.told + self.skipped

    async def open(self, port: int, token: str, rate: int) -> None:
        sock = socket.socket()
        if self.silent:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        # The smaller the limit, the sooner the transport stops reading by itself.
        reader, writer = await asyncio.open_connection(sock=sock, limit=_SMALL_BUFFER if self.silent else 2**16)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        writer.write(
            f"GET /ws/activity?rate={rate} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode("latin-1") + (await reader.read(1000)).decode())
        self._streams = reader, writer
        while (await self._next()).type != "ready":
            pass

    async def listen(self) -> None:
        """Until the other side ends it."""
        try:
            while True:
                message = await self._next()
                self.told += len(message.events)
                self.skipped += message.skipped
        except (OSError, EOFError):
            self.closed = True

    async def _next(self) -> _Message:
        assert self._streams is not None
        reader, writer = self._streams
        while True:
            first, length = await reader.readexactly(2)
            if length == _SHORT:
                length = int.from_bytes(await reader.readexactly(2))
            elif length == _LONG:
                length = int.from_bytes(await reader.readexactly(8))
            body = await reader.readexactly(length)
            match first & 0x0F:
                case opcode if opcode == _TEXT:
                    return _decode(body)
                case opcode if opcode == _PING:
                    writer.write(_masked(_PONG, body))
                case opcode if opcode == _CLOSE:
                    raise EOFError


def _masked(opcode: int, body: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes([0x80 | opcode, 0x80 | len(body)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))


async def main() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    crowd = msgspec.json.decode(await lines.readline(), type=Crowd)
    listeners = [Listener(silent=place < crowd.silent) for place in range(crowd.reading + crowd.silent)]
    await _open_all(crowd, listeners)
    tasks = [asyncio.create_task(one.listen()) for one in listeners if not one.silent]
    _say("")
    number = int(await lines.readline())
    tasks += [asyncio.create_task(one.listen()) for one in listeners if one.silent]
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if all(one.closed or one.number >= number for one in listeners):
            break
        await asyncio.sleep(0.1)
    # Whoever is told too much is seen as well.
    await asyncio.sleep(1)
    _say(msgspec.json.encode(_report(listeners, number)).decode())
    for task in tasks:
        task.cancel()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _open_all(crowd: Crowd, listeners: Sequence[Listener]) -> None:
    gate = asyncio.Semaphore(OPENING)

    async def open_one(place: int, listener: Listener) -> None:
        token = crowd.tokens[place % len(crowd.tokens)]
        async with gate:
            await listener.open(crowd.port, token, crowd.rate if listener.silent else 10)

    await asyncio.gather(*(open_one(place, listener) for place, listener in enumerate(listeners)))


def _report(listeners: Sequence[Listener], number: int) -> Report:
    report = Report(opened=len(listeners))
    for one in listeners:
        report.told += one.told
        report.skipped += one.skipped
        report.skipped_by_silent += one.skipped if one.silent else 0
        if one.closed:
            report.closed_silent += one.silent
            report.closed_readers += not one.silent
        elif one.number != number:
            report.wrong.append(f"{'silent' if one.silent else 'reading'}: {one.told} and {one.skipped} skipped")
    return report


if __name__ == "__main__":
    asyncio.run(main())
