"""`python -m tests.bench`: start everything, measure in turn, print the tables, remove everything."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.bench import machine, report
from tests.bench.agents import new_agent, write_agents
from tests.bench.product import migrate, populate, start_product
from tests.bench.rounds import Cell, Length, require_refusals, run_rounds
from tests.bench.servers import BenchProblem, Stores, Subject, start_subject, stop_subject, stores
from tests.bench.targets import ONE, TWO, judge

_FLOORS = {"bare": "bare", "checks": "checks", "floor A": "a", "floor B": "b"}
_FULL = Length(rounds=3, seconds=3, count=30_000)
_QUICK = Length(rounds=1, seconds=1, count=10_000)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to be measured")
    parser.add_argument("--agents", type=int, default=100, help="how many agents ask in turn (default 100)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, help=f"default {_FULL.rounds}")
    parser.add_argument("--seconds", type=float, help=f"the most one run takes (default {_FULL.seconds:g})")
    parser.add_argument("--patience", type=float, default=0, help="seconds to wait before a run for a quiet machine")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--floors", action="store_true", help="measure the floors only")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a target is not met")
    return parser.parse_args()


def length_of(arguments: argparse.Namespace) -> Length:
    chosen = _QUICK if arguments.quick else _FULL
    seconds = arguments.seconds or chosen.seconds
    if seconds > 20:
        # Signatures are made before a run and live for 60 s.
        raise BenchProblem("One run takes at most 20 s (--seconds).")
    rounds = arguments.rounds or chosen.rounds
    return Length(rounds=rounds, seconds=seconds, count=chosen.count, patience=arguments.patience)


@contextmanager
def floors(stores: Stores, *, agents: Path) -> Iterator[list[Subject]]:
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
def products(stores: Stores, *, agents: Path) -> Iterator[list[Subject]]:
    """Start the product twice beside each other: with one web process and with two."""
    with ExitStack() as started:
        subjects = []
        for name, processes in ((ONE, 1), (TWO, 2)):
            subject = start_product(stores, name=name, processes=processes)
            started.callback(stop_subject, subject)
            subjects.append(subject)
            require_refusals(subject, agents=agents)
        yield subjects


def run(arguments: argparse.Namespace) -> bool:
    """Return whether every target that was measured is met."""
    length = length_of(arguments)
    with stores(arguments.folder) as running:
        facts = machine.describe(running)
        report.print_machine(facts)
        agents = running.folder / "agents.json"
        with ExitStack() as started:
            if arguments.floors:
                write_agents(agents, [new_agent() for _ in range(arguments.agents)])
            else:
                migrate(running)
                populate(running, count=arguments.agents, file=agents)
            subjects = started.enter_context(floors(running, agents=agents))
            if not arguments.floors:
                subjects += started.enter_context(products(running, agents=agents))
            cells = [Cell(subject.name, count) for count in arguments.connections for subject in subjects]
            figures, fsyncs = run_rounds(
                subjects, cells, stores=running, length=length, agents=agents, progress=_progress
            )
        fsync = machine.fsync_tail(fsyncs)
        verdicts = judge(figures)
    report.print_figures(figures, length=length, fsync=fsync)
    report.print_verdicts(verdicts)
    if arguments.json:
        document = {
            "machine": facts,
            "length": asdict(length),
            "fsync_ms": asdict(fsync),
            "figures": list(figures.values()),
            "targets": [
                {"target": verdict.target.text, "ratio": verdict.ratio, "met": verdict.met} for verdict in verdicts
            ],
        }
        report.write_json(arguments.json, document)
    return all(verdict.met for verdict in verdicts)


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    chosen = read_arguments()
    try:
        met = run(chosen)
    except BenchProblem as problem:
        sys.exit(str(problem))
    sys.exit(1 if chosen.enforce and not met else 0)
