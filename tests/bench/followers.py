"""`python -m tests.bench.followers`: what each follower of the ledger costs for a decision, in processor time.

The product decides without a worker; then one process reads, and lets each follower by itself take in everything, in
steps of several sizes, for a step has a cost of its own. At last the worker runs beside the product: what PostgreSQL
needs then and did not before is for the followers. Processor time depends little on who else uses the machine, and
what goes to the write-ahead log not at all.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.following import worker_running
from tests.bench.processes import CpuMeter
from tests.bench.product import migrate, populate, run_command, start_product
from tests.bench.rounds import Length, run_client
from tests.bench.servers import BenchProblem, Stores, Subject, kept_stores, stop_subject, stores

AGENTS, CONNECTIONS = 100, 16
_PART = Length(rounds=1, seconds=20, count=5_000)
_SETTLING_SECONDS = 3.0
"""The longest that a follower waits between steps, and then some."""


def run(arguments: argparse.Namespace) -> None:
    keep: Path | None = arguments.keep
    with kept_stores(keep) if keep else stores(arguments.folder, any_disk=True) as running:
        agents = running.folder / "agents.json"
        fresh = not agents.exists()
        migrate(running)
        if fresh:
            populate(running, count=AGENTS, file=agents)
        if fresh or arguments.live:
            alone = _decide(running, agents=agents, count=arguments.decisions)
            _say(f"without a worker: {alone}")
        if not arguments.live:
            options = [part for name in arguments.only for part in ("--only", name)]
            options += ["--profile"] if arguments.profile else []
            steps = [str(step) for step in arguments.steps]
            run_command(
                running, "-m", "tests.bench.taking_in", str(running.postmaster), *options, "--steps", *steps
            )
        if fresh or arguments.live:
            with worker_running(running) as workers:
                beside = _decide(running, agents=agents, count=arguments.decisions, workers=workers)
            _say(f"with the worker: {beside}")


def _decide(running: Stores, *, agents: Path, count: int, workers: Sequence[int] = ()) -> str:
    """Ask for so many decisions; answers what they cost until the followers have had time for all of them."""
    subject = start_product(running, name="followed" if workers else "alone", processes=1)
    try:
        _ask(subject, agents=agents, count=CONNECTIONS)
        meter = CpuMeter(
            servers=[child.pid for child in subject.children], workers=workers, postmaster=running.postmaster
        )
        began = time.monotonic()
        for first in range(0, count, _PART.count):
            _ask(subject, agents=agents, count=min(_PART.count, count - first))
        seconds = time.monotonic() - began
        if workers:
            time.sleep(_SETTLING_SECONDS)
        used = meter.used()
    finally:
        stop_subject(subject)
    parts = (f"{name} {used[name] / count * 1e6:.0f} µs" for name in ("server", "worker", "postgres"))
    return f"{', '.join(parts)} a decision, {count} decisions in {seconds:.0f} s"


def _ask(subject: Subject, *, agents: Path, count: int) -> None:
    outcome = run_client(subject, connections=CONNECTIONS, length=replace(_PART, count=count), agents=agents)
    if outcome.wrong or outcome.answered < count:
        raise BenchProblem(f"{outcome.answered} answers to {count}, {outcome.wrong} wrong: {outcome.sample[:500]}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.followers", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies")
    parser.add_argument("--keep", type=Path, help="a folder that is filled once, kept, and used again by the next run")
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 200, 1000], help="entries a follower takes at once")
    parser.add_argument("--only", action="append", default=[], help="a follower, `sequencer`, `seal` or `reading`")
    parser.add_argument("--profile", action="store_true", help="print where each spends its time; slows it")
    parser.add_argument("--live", action="store_true", help="only what the product needs without and with the worker")
    try:
        run(parser.parse_args())
    except BenchProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
