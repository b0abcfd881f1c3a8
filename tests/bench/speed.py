"""The main run: the product with one web process and with two, in turn with the floors."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import machine
from tests.bench.agents import new_agent, write_agents
from tests.bench.following import Following, catch_up, measure_following, worker_running
from tests.bench.product import migrate, populate, start_product
from tests.bench.rounds import Cell, Length, Runs, require_refusals, run_rounds
from tests.bench.servers import Stores, Subject, start_subject, stop_subject
from tests.bench.targets import FLOOR_A, FLOOR_B, ONE, TWO

_FLOORS = {"bare": "bare", "checks": "checks", FLOOR_A: "a", FLOOR_B: "b"}
_PRODUCTS = {ONE: 1, TWO: 2}


@dataclass(frozen=True)
class Plan:
    """What to measure: how many agents ask, over how many connections; without `product` the floors only.

    `following` is for how many seconds the lag of what follows the ledger is watched at the end.
    """

    agents: int
    connections: list[int]
    product: bool
    length: Length
    following: float = 0.0


@dataclass(frozen=True)
class Speed:
    """The figures of every round, how long the disk took for a durable write meanwhile, and the followers' lag."""

    runs: Runs
    fsync: machine.FsyncTail
    following: Following | None


def measure_speed(running: Stores, plan: Plan, *, progress: Callable[[str], None]) -> Speed:
    """Measure everything in turn."""
    following = None
    agents = running.folder / "agents.json"
    with ExitStack() as started:
        if plan.product:
            migrate(running)
            populate(running, count=plan.agents, file=agents)
        else:
            write_agents(agents, [new_agent() for _ in range(plan.agents)])
        subjects = started.enter_context(_floors(running, agents=agents))
        if plan.product:
            subjects += started.enter_context(_products(running, agents=agents))
        runs, fsyncs = run_rounds(
            subjects,
            _cells(plan, subjects),
            stores=running,
            length=plan.length,
            agents=agents,
            progress=progress,
            after=catch_up,
        )
        if plan.following:
            progress(f"followers' lag: {TWO} asked for {plan.following:g} s")
            following = measure_following(
                subjects[-1],
                stores=running,
                agents=agents,
                # Never urgent: the session that looks at the lags is none of the processes that would be.
                length=replace(plan.length, seconds=plan.following, count=_count_for(runs, plan), urgent=False),
            )
    return Speed(runs, machine.fsync_tail(fsyncs), following)


def _count_for(runs: Runs, plan: Plan) -> int:
    """Enough requests for the time, going by the fastest run of the product, and no more: signing takes long."""
    fastest = max(run.per_second for cell, figures in runs.items() if cell.subject in _PRODUCTS for run in figures)
    return int(1.2 * fastest * plan.following)


def _cells(plan: Plan, subjects: list[Subject]) -> list[Cell]:
    """One connection reaches one process only: the second is not measured with it."""
    return [
        Cell(subject.name, connections)
        for connections in plan.connections
        for subject in subjects
        if connections > 1 or subject.name != TWO
    ]


@contextmanager
def _floors(stores: Stores, *, agents: Path) -> Iterator[list[Subject]]:
    """Start the four floors, each one process."""
    with ExitStack() as started:
        subjects = []
        for name, kind in _FLOORS.items():
            table = "floor_record" if kind in {"a", "b"} else None
            command = ["tests.bench.floors", kind, "--agents", str(agents)]
            subject = start_subject(name, command, stores=stores, table=table)
            started.callback(stop_subject, subject)
            subjects.append(subject)
            if kind != "bare":
                require_refusals(subject, agents=agents)
        yield subjects


@contextmanager
def _products(stores: Stores, *, agents: Path) -> Iterator[list[Subject]]:
    """Start the product twice beside each other, with one web process and with two, and what follows their ledger."""
    with ExitStack() as started:
        subjects = []
        workers = tuple(started.enter_context(worker_running(stores)))
        for name, processes in _PRODUCTS.items():
            subject = replace(start_product(stores, name=name, processes=processes), workers=workers)
            started.callback(stop_subject, subject)
            subjects.append(subject)
            require_refusals(subject, agents=agents)
        yield subjects
