"""Interleaved rounds: every subject in turn, again and again, so that a drift of the machine meets them alike."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import msgspec

from tests.bench.client import Job, Outcome
from tests.bench.machine import measure_fsync
from tests.bench.processes import QUIET_CORES, wait_for_quiet
from tests.bench.servers import BenchProblem, Stores, Subject

_WARM_UP = 2.0


@dataclass(frozen=True)
class Cell:
    """Which subject is measured at how many connections."""

    subject: str
    connections: int


@dataclass(frozen=True)
class Length:
    """How long a run is: it ends at `count` requests or after `seconds`, whichever comes first.

    `patience` is for how many seconds a run is put off, or made again, because others use the machine. `urgent` lets it
    go before the others.
    """

    rounds: int
    seconds: float
    count: int
    patience: float = 0
    urgent: bool = False

    def after(self, runs: "Sequence[Figures]") -> "Length":
        """Sign no more requests than the runs before let expect, half as many again to be safe."""
        if not runs:
            return self
        fastest = max(run.per_second for run in runs)
        return replace(self, count=min(self.count, int(1.5 * fastest * self.seconds)))


class Figures(msgspec.Struct, frozen=True):
    """Medians over the rounds; times in ms, processor times in µs per answer.

    `others` is how many cores everything else on the machine took meanwhile: above 0.2 the run was disturbed.
    """

    subject: str
    connections: int
    per_second: float
    p50: float
    p95: float
    p99: float
    longest: float
    requests: int
    server_us: float
    worker_us: float
    postgres_us: float
    client_us: float
    others: float
    spread: list[float]


Runs = dict[Cell, list[Figures]]
"""The figures of each cell, one of each round and in the order of the rounds."""


def ratio_to(
    runs: Mapping[Cell, Sequence[Figures]], cell: Cell, base: Cell, figure: Callable[[Figures], float]
) -> float | None:
    """The median over the rounds of the ratio within each: what the machine did meanwhile touched both sides alike."""
    pairs = zip(runs.get(cell, ()), runs.get(base, ()), strict=False)
    ratios = [figure(measured) / max(figure(floor), 1e-9) for measured, floor in pairs]
    return median(ratios) if ratios else None


def run_client(
    subject: Subject, *, connections: int, length: Length, agents: Path, postmaster: int = 0, altered: bool = False
) -> Outcome:
    """Run one client process against a subject, and return what it measured."""
    job = Job(
        port=subject.port,
        connections=connections,
        seconds=length.seconds,
        count=length.count,
        agents=str(agents),
        altered=altered,
        servers=[child.pid for child in subject.children],
        workers=list(subject.workers),
        postmaster=postmaster,
        urgent=length.urgent and postmaster > 0,
    )
    finished = subprocess.run(
        [sys.executable, "-m", "tests.bench.client"],
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        check=False,
        timeout=length.seconds + 120,
    )
    if finished.returncode != 0:
        raise BenchProblem(f"The client failed against {subject.name} (its error stands above).")
    return msgspec.json.decode(finished.stdout, type=Outcome)


def require_refusals(subject: Subject, *, agents: Path) -> None:
    """A subject that would approve a request whose signature does not fit measures nothing."""
    outcome = run_client(
        subject, connections=1, length=Length(rounds=1, seconds=10, count=20), agents=agents, altered=True
    )
    if outcome.answered != 20 or "200" in outcome.statuses:
        raise BenchProblem(f"{subject.name} answered altered requests with {outcome.statuses}.")


def measure(subject: Subject, *, stores: Stores, connections: int, length: Length, agents: Path) -> Figures:
    """One run. Every answer must be an approval, and for each one there must be a record."""
    before = stores.count(subject.table) if subject.table else 0
    outcome = run_client(subject, connections=connections, length=length, agents=agents, postmaster=stores.postmaster)
    if outcome.wrong or not outcome.answered:
        raise BenchProblem(f"{subject.name}: {outcome.wrong} wrong answers {outcome.statuses}: {outcome.sample[:500]}")
    if subject.table and stores.count(subject.table) - before < outcome.answered:
        raise BenchProblem(f"{subject.name} answered {outcome.answered} requests without recording each of them.")
    if subject.table and not (outcome.kept and stores.holds(subject.table, outcome.kept)):
        raise BenchProblem(f"{subject.name} answered with ids that nothing is recorded under.")
    return Figures(
        subject=subject.name,
        connections=connections,
        per_second=outcome.per_second,
        p50=outcome.p50,
        p95=outcome.p95,
        p99=outcome.p99,
        longest=outcome.longest,
        requests=outcome.requests,
        server_us=_micros(outcome.cpu["server"], outcome),
        worker_us=_micros(outcome.cpu["worker"], outcome),
        postgres_us=_micros(outcome.cpu["postgres"], outcome),
        client_us=_micros(outcome.cpu["client"], outcome),
        others=round(outcome.cpu["others"] / outcome.seconds, 3),
        spread=[outcome.per_second],
    )


def _micros(seconds: float, outcome: Outcome) -> float:
    return round(seconds / outcome.answered * 1e6, 1)


def run_rounds(
    subjects: Sequence[Subject],
    cells: Sequence[Cell],
    *,
    stores: Stores,
    length: Length,
    agents: Path,
    progress: Callable[[str], None],
    after: Callable[[Stores], object],
) -> tuple[Runs, list[float]]:
    """Return the figures of each cell, round by round, and the seconds of each fsync measured between the rounds.

    `after` is called after each run of a subject with workers: what they have still to do must not disturb the next.

    Before the first round each subject is asked for a moment over many connections, so that each of its processes knows
    the agents: what is measured is a process in service, not one that has just begun.

    A subject that records nothing only says where the time goes: it is measured in the first round alone.
    """
    known = {subject.name: subject for subject in subjects}
    runs: Runs = defaultdict(list)
    fsyncs: list[float] = []
    warm_up = replace(length, seconds=_WARM_UP, count=min(2_000, length.count))
    for subject in subjects:
        run_client(subject, connections=64, length=warm_up, agents=agents)
        if subject.workers:
            after(stores)
    for number in range(length.rounds):
        fsyncs += measure_fsync(stores.folder, seconds=min(1.0, length.seconds))
        # Every other round backwards, so that nobody always follows the same neighbour.
        for cell in cells if number % 2 == 0 else list(reversed(cells)):
            subject = known[cell.subject]
            if number and subject.table is None:
                continue
            figures = _measure_in_quiet(
                subject, cell, stores=stores, length=length.after(runs[cell]), agents=agents, after=after
            )
            runs[cell].append(figures)
            progress(
                f"round {number + 1}/{length.rounds}  {cell.subject:<12} {cell.connections:>3} connections"
                f"  {figures.per_second:>8,.0f}/s  p99 {figures.p99:.1f} ms  others {figures.others:.2f} cores"
            )
    return runs, fsyncs


def _measure_in_quiet(
    subject: Subject, cell: Cell, *, stores: Stores, length: Length, agents: Path, after: Callable[[Stores], object]
) -> Figures:
    """One run; while patience lasts, one that others disturbed is made again, whatever its figures were."""
    deadline = time.monotonic() + length.patience
    while True:
        wait_for_quiet(deadline - time.monotonic())
        figures = measure(subject, stores=stores, connections=cell.connections, length=length, agents=agents)
        if subject.workers:
            after(stores)
        if figures.others <= QUIET_CORES or time.monotonic() >= deadline:
            return figures


def median_figures(runs: Sequence[Figures]) -> Figures:
    """The median of each figure by itself; `requests` is the sum and `longest` the longest of all."""

    def middle(name: str) -> float:
        values: list[float] = [getattr(run, name) for run in runs]
        return round(median(values), 3)

    return msgspec.structs.replace(
        runs[0],
        per_second=middle("per_second"),
        p50=middle("p50"),
        p95=middle("p95"),
        p99=middle("p99"),
        longest=max(run.longest for run in runs),
        requests=sum(run.requests for run in runs),
        server_us=middle("server_us"),
        worker_us=middle("worker_us"),
        postgres_us=middle("postgres_us"),
        client_us=middle("client_us"),
        others=middle("others"),
        spread=sorted(run.per_second for run in runs),
    )
