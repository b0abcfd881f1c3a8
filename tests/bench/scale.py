"""Whether a decision costs the same once a million of them are stored and thousands of agents ask."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.bench.agents import read_agents
from tests.bench.history import load_decisions
from tests.bench.processes import wait_for_quiet
from tests.bench.product import RECORDS, migrate, populate, start_product
from tests.bench.rounds import Cell, Figures, Length, Runs, measure, median_figures, ratio_to, run_client
from tests.bench.servers import Stores, Subject, stop_subject, stores

MUST = 1.1
_CONNECTIONS = 16


@dataclass(frozen=True)
class Size:
    """How many agents ask, and how many decisions are stored before."""

    name: str
    agents: int
    decisions: int


SMALL = Size("small", 100, 1_000)
LARGE = Size("large", 10_000, 1_000_000)


class Growth(msgspec.Struct, frozen=True):
    """Figures at both sizes; `cost` is processor time per decision, web process and PostgreSQL together, as a ratio."""

    small: Figures
    large: Figures
    stored: int
    cost: float
    per_second: float

    @property
    def met(self) -> bool:
        return self.cost <= MUST


@dataclass(frozen=True)
class _Side:
    size: Size
    stores: Stores
    subject: Subject
    agents: Path


def measure_growth(
    folder: Path, *, length: Length, progress: Callable[[str], None], small: Size = SMALL, large: Size = LARGE
) -> Growth:
    """Fill two databases, then ask both products in turn."""
    with ExitStack() as started:
        sides = []
        for size in (small, large):
            progress(f"filling: {size.agents:,} agents, {size.decisions:,} decisions")
            sides.append(_start(started, folder, size))
        runs: Runs = {_cell(side): [] for side in sides}
        for number in range(length.rounds):
            for side in sides if number % 2 == 0 else sides[::-1]:
                wait_for_quiet(length.patience)
                figures = measure(
                    side.subject, stores=side.stores, connections=_CONNECTIONS, length=length, agents=side.agents
                )
                runs[_cell(side)].append(figures)
                cost = _cost(figures)
                progress(f"{side.size.name}: {figures.per_second:,.0f}/s, {cost:.0f} us, others {figures.others:.2f}")
        cells = _cell(sides[1]), _cell(sides[0])
        return Growth(
            small=median_figures(runs[cells[1]]),
            large=median_figures(runs[cells[0]]),
            stored=sides[1].stores.count(RECORDS),
            cost=round(ratio_to(runs, *cells, _cost) or 0, 3),
            per_second=round(ratio_to(runs, *cells, lambda figures: figures.per_second) or 0, 3),
        )


def _start(started: ExitStack, folder: Path, size: Size) -> _Side:
    running = started.enter_context(stores(folder))
    migrate(running)
    agents = running.folder / "agents.json"
    populate(running, count=size.agents, file=agents)
    known = [bench_agent.uuid for bench_agent in read_agents(agents)]
    load_decisions(running.database_url, agents=known, total=size.decisions)
    subject = start_product(running, name=size.name, processes=1)
    started.callback(stop_subject, subject)
    # Once around, so that the process holds every agent, as one that has run for a while does.
    run_client(subject, connections=_CONNECTIONS, length=Length(1, 15, size.agents), agents=agents)
    return _Side(size, running, subject, agents)


def _cell(side: _Side) -> Cell:
    return Cell(side.size.name, _CONNECTIONS)


def _cost(figures: Figures) -> float:
    return figures.server_us + figures.postgres_us
