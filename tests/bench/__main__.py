"""`python -m tests.bench`: start everything, measure in turn, print the tables, remove everything."""

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import machine, report
from tests.bench.exact import measure_exactness
from tests.bench.memory import measure_memory
from tests.bench.product import migrate, populate, start_product
from tests.bench.rounds import Length, median_figures
from tests.bench.scale import measure_growth
from tests.bench.servers import BenchProblem, Stores, stop_subject, stores
from tests.bench.speed import Plan, measure_speed
from tests.bench.targets import ONE, TWO, judge

_FULL = Length(rounds=3, seconds=2, count=24_000)
_SCALE = Length(rounds=3, seconds=5, count=24_000)
_QUICK = Length(rounds=1, seconds=1, count=300)
_FOLLOWING_SECONDS = 20.0
_EXACT_AGENTS, _EXACT_LIMIT = 20, 200


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to be measured")
    parser.add_argument("--agents", type=int, help="how many agents ask in turn (default 100)")
    parser.add_argument("--connections", type=int, nargs="+", help="default 1 16 64")
    parser.add_argument("--rounds", type=int, help=f"default {_FULL.rounds}")
    parser.add_argument("--seconds", type=float, help=f"the most one run takes (default {_FULL.seconds:g})")
    parser.add_argument("--patience", type=float, default=0, help="seconds to wait for a quiet machine, for each run")
    parser.add_argument("--urgent", action="store_true", help="let each run go before all others on the machine (root)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a target is not met")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--floors", action="store_true", help="measure the floors only")
    mode.add_argument("--quick", action="store_true", help="some hundred requests each, to see that it works")
    mode.add_argument("--memory", action="store_true", help="what a web process holds after 200,000 decisions")
    mode.add_argument("--scale", action="store_true", help="the cost with 1,000,000 decisions stored, 10,000 agents")
    mode.add_argument("--exact", action="store_true", help="whether limits are exact over two web processes")
    return parser.parse_args()


def length_of(arguments: argparse.Namespace) -> Length:
    chosen = _QUICK if arguments.quick else _SCALE if arguments.scale else _FULL
    seconds = arguments.seconds or chosen.seconds
    if seconds > 20:
        # Signatures are made before a run and live for 60 s.
        raise BenchProblem("One run takes at most 20 s (--seconds).")
    rounds = arguments.rounds or chosen.rounds
    return Length(
        rounds=rounds, seconds=seconds, count=chosen.count, patience=arguments.patience, urgent=arguments.urgent
    )


def run(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Return the figures as a document, and whether every target that was measured is met."""
    if arguments.scale:
        growth = measure_growth(arguments.folder, length=length_of(arguments), progress=_progress)
        report.print_growth(growth)
        return {"growth": growth}, growth.met
    with stores(arguments.folder, any_disk=arguments.quick) as running:
        facts = machine.describe(running)
        report.print_machine(facts)
        if arguments.memory:
            document, met = _memory(running)
        elif arguments.exact:
            document, met = _exact(running)
        else:
            document, met = _speed(running, arguments)
    return {"machine": facts, **document}, met


def _speed(running: Stores, arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    plan = Plan(
        agents=arguments.agents or (10 if arguments.quick else 100),
        connections=arguments.connections or ([1, 16] if arguments.quick else [1, 16, 64]),
        product=not arguments.floors,
        length=length_of(arguments),
        following=0 if arguments.floors else 1 if arguments.quick else _FOLLOWING_SECONDS,
    )
    speed = measure_speed(running, plan, progress=_progress)
    verdicts = judge(speed.runs)
    report.print_figures(speed.runs, length=plan.length, fsync=speed.fsync)
    report.print_verdicts(verdicts)
    if speed.following is not None:
        report.print_following(speed.following)
    document = {
        "length": asdict(plan.length),
        "fsync_ms": asdict(speed.fsync),
        "figures": [median_figures(rounds) for rounds in speed.runs.values()],
        "targets": [
            {"target": verdict.target.text, "ratio": verdict.ratio, "met": verdict.met} for verdict in verdicts
        ],
        "following": speed.following,
    }
    kept_up = speed.following is None or speed.following.met
    return document, kept_up and all(verdict.met for verdict in verdicts)


def _memory(running: Stores) -> tuple[dict[str, Any], bool]:
    migrate(running)
    agents = running.folder / "agents.json"
    populate(running, count=100, file=agents)
    subject = start_product(running, name=ONE, processes=1)
    try:
        memory = measure_memory(subject, agents=agents)
    finally:
        stop_subject(subject)
    report.print_memory(memory)
    return {"memory": memory}, memory.met


def _exact(running: Stores) -> tuple[dict[str, Any], bool]:
    migrate(running)
    agents = running.folder / "agents.json"
    populate(running, count=_EXACT_AGENTS, file=agents, calls_per_hour=_EXACT_LIMIT)
    subject = start_product(running, name=TWO, processes=2)
    try:
        exactness = measure_exactness(subject, stores=running, agents=agents, limit=_EXACT_LIMIT)
    finally:
        stop_subject(subject)
    report.print_exactness(exactness)
    return {"exactness": exactness}, exactness.met


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    chosen = read_arguments()
    try:
        result, all_met = run(chosen)
    except BenchProblem as problem:
        sys.exit(str(problem))
    if chosen.json:
        report.write_json(chosen.json, result)
    sys.exit(1 if chosen.enforce and not all_met else 0)
