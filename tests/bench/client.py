"""The client process: keep-alive connections that each send the next signed request once the answer before is in."""

import asyncio
import gc
import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from tests.bench.agents import read_agents
from tests.bench.presigned import presign
from tests.bench.processes import CpuMeter, sessions_of, urgent

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_VERIFICATION_ID = re.compile(rb"ver_[0-9a-f]{32}")
_PATIENCE_SECONDS = 30
_WARM_UP = 0.1
_KEEP_EVERY = 499


class Job(msgspec.Struct, frozen=True):
    """What to do: at most `count` requests and `seconds` seconds to 127.0.0.1:`port`.

    With `urgent`, everything of the run goes before everything else on the machine while the clock runs.
    `approved` is what every right answer has to contain; `altered` breaks each signature, to see it refused.
    """

    port: int
    connections: int
    seconds: float
    count: int
    agents: str
    approved: str = '"approved":true'
    altered: bool = False
    servers: list[int] = []
    workers: list[int] = []
    postmaster: int = 0
    urgent: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `answered` counts every answer, warm-up included; the latencies (ms) leave the warm-up out.

    `kept` are the verification ids of some approvals. `cpu` holds processor seconds during the run: server, worker,
    postgres, client, and others, which is all the rest.
    """

    requests: int
    answered: int
    seconds: float
    per_second: float
    p50: float
    p95: float
    p99: float
    longest: float
    statuses: dict[str, int]
    wrong: int
    cpu: dict[str, float]
    sample: str = ""
    kept: list[str] = []


class _Run:
    """What the connections share: the requests not yet sent, and what was measured."""

    def __init__(self, requests: list[bytes], job: Job) -> None:
        self.requests = iter(requests)
        self.approved = job.approved.encode()
        self.deadline = 0.0
        self.latencies: list[float] = []
        self.statuses: dict[bytes, int] = {}
        self.wrong = 0
        self.sample = b""
        self.kept: list[bytes] = []
        self.open = 0
        self.done = asyncio.get_running_loop().create_future()

    def next_request(self, moment: float) -> bytes | None:
        return next(self.requests, None) if moment < self.deadline else None

    def closed(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request on its way at a time."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.started = 0.0
        self.partial = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def send(self, moment: float) -> None:
        request = self.run.next_request(moment)
        if request is None:
            self.transport.close()
            return
        self.started = moment
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self.partial:
            data = self.partial + data
        end = data.find(_END)
        if end < 0:
            self.partial = data
            return
        length = _body_length(data, end)
        if len(data) < end + 4 + length:
            self.partial = data
            return
        self.partial = b""
        moment = time.perf_counter()
        run = self.run
        run.latencies.append(moment - self.started)
        status = data[9:12]
        run.statuses[status] = run.statuses.get(status, 0) + 1
        if status != b"200" or run.approved not in data:
            run.wrong += 1
            run.sample = run.sample or data
        elif len(run.latencies) % _KEEP_EVERY == 1:
            run.kept.append(data)
        self.send(moment)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.run.closed()


def _body_length(data: bytes, end: int) -> int:
    """The servers measured here always say the length; an answer without one ends the run."""
    at = data.find(_LENGTH, 0, end)
    if at < 0:
        head = data[:end].lower()
        at = head.find(_LENGTH)
        if at < 0:
            raise ValueError(f"An answer without Content-Length: {data[:200]!r}")
    at += len(_LENGTH)
    return int(data[at : data.index(b"\r", at)])


async def work(job: Job) -> Outcome:
    """Sign, connect, run and return what was measured."""
    requests = presign(read_agents(Path(job.agents)), count=job.count, authority=f"127.0.0.1:{job.port}")
    if job.altered:
        requests = [request.replace(b'"file_read"', b'"file_list"') for request in requests]
    run = _Run(requests, job)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(job.connections):
        _, connection = await loop.create_connection(lambda: _Connection(run), "127.0.0.1", job.port)
        connections.append(connection)
        await asyncio.sleep(0.002)  # Connections that come one by one spread over the processes that accept them.
    run.open = len(connections)
    gc.collect()
    gc.freeze()
    gc.disable()
    everyone = [*job.servers, *job.workers, job.postmaster, *sessions_of(job.postmaster)]
    with urgent(everyone) if job.urgent else nullcontext():
        cpu = CpuMeter(servers=job.servers, workers=job.workers, postmaster=job.postmaster)
        started = time.perf_counter()
        run.deadline = started + job.seconds
        for connection in connections:
            connection.send(time.perf_counter())
        await asyncio.wait_for(run.done, job.seconds + _PATIENCE_SECONDS)
        seconds, used = time.perf_counter() - started, cpu.used()
    return _outcome(run, seconds=seconds, cpu=used)


def _outcome(run: _Run, *, seconds: float, cpu: dict[str, float]) -> Outcome:
    # The first tenth of the answers warms up: pages not yet touched, connections still growing their windows.
    measured = sorted(run.latencies[int(len(run.latencies) * _WARM_UP) :])
    return Outcome(
        requests=len(measured),
        answered=len(run.latencies),
        seconds=round(seconds, 3),
        per_second=round(len(run.latencies) / seconds, 1),
        p50=percentile(measured, 0.50),
        p95=percentile(measured, 0.95),
        p99=percentile(measured, 0.99),
        longest=percentile(measured, 1),
        statuses={status.decode(): count for status, count in run.statuses.items()},
        wrong=run.wrong,
        cpu=cpu,
        sample=run.sample.decode(errors="replace"),
        kept=[found[0].decode() for data in run.kept if (found := _VERIFICATION_ID.search(data))],
    )


def percentile(ordered: list[float], share: float) -> float:
    """Return the value in ms that `share` of the seconds in `ordered` do not exceed (nearest rank)."""
    if not ordered:
        return 0.0
    return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)] * 1000, 3)


if __name__ == "__main__":
    uvloop.install()
    outcome = asyncio.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
