"""`python -m tests.bench.followers`: what each follower of the ledger costs for a decision, in processor time.

The product decides; then one process reads, and lets each follower by itself take in everything, in steps of several
sizes, for a step has a cost of its own. With `--live` all of it runs beside the product instead, each in its thread,
as it does in a worker. Processor time depends little on who else uses the machine, and what goes to the write-ahead log
not at all.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.bench.following import catch_up
from tests.bench.processes import CpuMeter
from tests.bench.product import migrate, populate, run_command, start_product
from tests.bench.rounds import Length, run_client
from tests.bench.servers import BenchProblem, Stores, Subject, kept_stores, stop_subject, stores

AGENTS, CONNECTIONS = 100, 16
_PART = Length(rounds=1, seconds=20, count=5_000)
_SETTLING_SECONDS = 3.0
"""The longest that a follower waits between steps, and then some."""
_ENDING_SECONDS = 30


def run(arguments: argparse.Namespace) -> None:
    keep: Path | None = arguments.keep
    with kept_stores(keep) if keep else stores(arguments.folder, any_disk=True) as running:
        agents = running.folder / "agents.json"
        fresh = not agents.exists()
        migrate(running)
        if fresh:
            populate(running, count=AGENTS, file=agents)
        if fresh or arguments.live:
            _decide(running, agents=agents, count=arguments.decisions, followed=False)
        if arguments.live:
            _decide(running, agents=agents, count=arguments.decisions, followed=True)
            return
        options = [part for name in arguments.only for part in ("--only", name)]
        options += ["--profile"] if arguments.profile else []
        options += ["--steps", *(str(step) for step in arguments.steps)]
        run_command(running, "-m", "tests.bench.taking_in", "--postmaster", str(running.postmaster), *options)


def _decide(running: Stores, *, agents: Path, count: int, followed: bool) -> None:
    """Ask for so many decisions, with or without what a worker does beside, and print what all of it used."""
    with ExitStack() as started:
        worker = started.enter_context(_worker(running)) if followed else None
        subject = start_product(running, name="followed" if followed else "alone", processes=1)
        started.callback(stop_subject, subject)
        # Whatever is only done once is done by then.
        _ask(subject, agents=agents, count=10 * CONNECTIONS)
        time.sleep(_SETTLING_SECONDS)
        meter = CpuMeter(
            servers=[child.pid for child in subject.children],
            workers=[worker.pid] if worker else (),
            postmaster=running.postmaster,
        )
        _tell(worker, count)
        began = time.monotonic()
        for first in range(0, count, _PART.count):
            _ask(subject, agents=agents, count=min(_PART.count, count - first))
        seconds = time.monotonic() - began
        if worker:
            time.sleep(_SETTLING_SECONDS)
        used = meter.used()
        _tell(worker, count)
    parts = (f"{name} {used[name] / count * 1e6:.0f} µs" for name in ("server", "worker", "postgres"))
    _say(f"{'with' if followed else 'without'} what follows: {', '.join(parts)} a decision, in {seconds:.0f} s")


@contextmanager
def _worker(running: Stores) -> Iterator[subprocess.Popen[bytes]]:
    """What a worker does, in a process that measures its threads and prints them as it ends."""
    command = [sys.executable, "-m", "tests.bench.taking_in", "--beside"]
    with subprocess.Popen(command, env=running.environment(), stdin=subprocess.PIPE) as worker:
        try:
            catch_up(running)
            yield worker
        finally:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait(_ENDING_SECONDS)


def _tell(worker: subprocess.Popen[bytes] | None, count: int) -> None:
    if worker is not None and worker.stdin is not None:
        worker.stdin.write(f"{count}\n".encode())
        worker.stdin.flush()


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
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[50, 200, 1000], help="entries a follower takes at once"
    )
    parser.add_argument("--only", action="append", default=[], help="a follower, `sequencer`, `seal` or `reading`")
    parser.add_argument("--profile", action="store_true", help="print where each spends its time; slows it")
    parser.add_argument("--live", action="store_true", help="measure beside the product, as in a worker")
    try:
        run(parser.parse_args())
    except BenchProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
