"""The client that asks under faults: raw HTTP over kept connections, every request and answer in the journal."""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tests.chaos.agents import Agent, Call, complete_call, verify_call
from tests.chaos.journal import Answered, Asked, Journal

PATIENCE_SECONDS = 8.0
T = TypeVar("T")


class Connection:
    """One TCP connection, opened anew when it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send and read one answer; raises `OSError`, `EOFError` or `TimeoutError`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if self._streams is not None and self._streams[0].at_eof():
                    # The process at the other end has gone since; that is no answer to this request.
                    self.close()
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._streams
                writer.write(raw)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                return int(head[0].split(" ")[1]), headers, body
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Client:
    """Runs on a thread of its own, so that whoever breaks things may block meanwhile."""

    def __init__(self, port: int, journal: Path) -> None:
        self._port = port
        self.journal = Journal(journal)
        self._numbers = itertools.count(1)
        self._idle: list[Connection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-client", daemon=True)
        self._thread.start()
        self.answers: list[Answered] = []
        """Everything that came back, in order."""
        self.labels: dict[int, str] = {}
        """What each request was labelled with, by its number."""

    def close(self) -> None:
        async def end() -> None:
            for connection in self._idle:
                connection.close()
            await asyncio.sleep(0)

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.journal.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the client's thread and wait for the end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ask(self, agent: Agent, *, label: str = "") -> Answered:
        return self.send([verify_call(agent)], label=label)[0]

    def send(self, calls: Sequence[Call], *, label: str = "", verification: str = "") -> list[Answered]:
        """Send all at the same moment, each on a connection of its own; the answers in the same order."""
        return self.run(self.send_all(calls, label=label, verification=verification))

    def begin(self, calls: Sequence[Call]) -> Callable[[], list[Answered]]:
        """Send as `send` does, and return at once what waits for the answers."""
        return asyncio.run_coroutine_threadsafe(self.send_all(calls), self._loop).result

    async def send_all(self, calls: Sequence[Call], *, label: str = "", verification: str = "") -> list[Answered]:
        asked = [self._note(call, label, verification) for call in calls]
        await self.journal.sync()
        return await asyncio.gather(*(self._exchange(n, call) for n, call in zip(asked, calls, strict=True)))

    async def send_one(self, call: Call, *, label: str = "", verification: str = "") -> Answered:
        return (await self.send_all([call], label=label, verification=verification))[0]

    def _note(self, call: Call, label: str, verification: str) -> int:
        n = next(self._numbers)
        self.labels[n] = label
        self.journal.write(Asked(n, call.agent, call.nonce, call.request_id, label, verification))
        return n

    async def _exchange(self, n: int, call: Call) -> Answered:
        connection = self._idle.pop() if self._idle else Connection(self._port)
        started = time.perf_counter()
        try:
            status, headers, body = await connection.exchange(call.raw)
        except (OSError, EOFError, TimeoutError) as error:
            ms = (time.perf_counter() - started) * 1000
            answered = Answered(n, 0, ms, time.time(), lost=type(error).__name__)
        else:
            ms = (time.perf_counter() - started) * 1000
            answered = _read(n, status, headers, body, ms)
        self.journal.write(answered)
        self.answers.append(answered)
        self._idle.append(connection)
        return answered

    @contextmanager
    def load(
        self, agents: Sequence[Agent], *, connections: int, pause: float = 0.0, label: str = "", complete: float = 0.0
    ) -> Iterator[None]:
        """Ask without end until the block is left. `complete` is the share of approvals reported, each of them twice.

        `pause` is in seconds, on average.
        """
        going = True

        async def worker(number: int) -> None:
            for turn in itertools.count(number):
                if not going:
                    return
                agent = agents[turn % len(agents)]
                answer = await self.send_one(verify_call(agent), label=label)
                if answer.approved and random.random() < complete:
                    for _ in range(2):
                        await self.send_one(complete_call(agent, answer.id), label="complete", verification=answer.id)
                if pause:
                    await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

        async def start() -> list[asyncio.Task[None]]:
            return [self._loop.create_task(worker(number)) for number in range(connections)]

        tasks = self.run(start())
        try:
            yield
        finally:
            going = False

            async def end() -> None:
                await asyncio.gather(*tasks)

            self.run(end())

    def answered(self, label: str, *, since: int = 0) -> list[Answered]:
        """The answers to requests with this label, from the position `since` of `answers` on."""
        return [answer for answer in self.answers[since:] if self.labels[answer.n] == label]

    def seconds_until(self, wanted: Callable[[Answered], bool], *, since: float, within: float = 30.0) -> float:
        """How long after `since` (`time.time()`) the first such answer came to a request of the load."""
        deadline = time.monotonic() + within
        seen = len(self.answers)
        while time.monotonic() < deadline:
            fresh = self.answers[seen:]
            seen += len(fresh)
            for answer in fresh:
                if answer.at > since and wanted(answer):
                    return answer.at - since
            time.sleep(0.005)
        return within


def decided(answer: Answered) -> bool:
    return answer.status in {200, 202, 403, 429} and bool(answer.decision)


def _read(n: int, status: int, headers: dict[str, str], body: bytes, ms: float) -> Answered:
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        value = {}
    # Problems (RFC 9457) may use `status` for the number.
    decision = value.get("status", "")
    retry_after = headers.get("retry-after", "0")
    return Answered(
        n,
        status,
        round(ms, 3),
        time.time(),
        approved=value.get("approved") is True,
        decision=decision if isinstance(decision, str) else "",
        id=value.get("verification_id", ""),
        code=value.get("code", ""),
        retry_after=int(retry_after) if retry_after.isdigit() else 0,
        content_type=headers.get("content-type", ""),
    )
