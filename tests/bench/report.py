"""The tables of a run, as text for people and as JSON for programs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.exact import Exactness
from tests.bench.following import AIM_LIVE, MUST_LIVE, MUST_OTHERS, Following
from tests.bench.machine import FsyncTail
from tests.bench.memory import AIM_BYTES, MUST_BYTES, Memory
from tests.bench.processes import QUIET_CORES
from tests.bench.rounds import Cell, Figures, Length, median_figures, ratio_to
from tests.bench.scale import MUST, Growth
from tests.bench.targets import FLOOR_A, FLOOR_B, Verdict


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_machine(machine: Mapping[str, str]) -> None:
    for name, text in machine.items():
        say(f"{name + ':':<12} {text}")


def print_figures(runs: Mapping[Cell, Sequence[Figures]], *, length: Length, fsync: FsyncTail) -> None:
    """Print one line per subject and number of connections, with its ratio to the floors beside it."""
    figures = {cell: median_figures(rounds) for cell, rounds in runs.items()}
    say()
    say(f"Medians of {length.rounds} interleaved rounds of at most {length.seconds:g} s; times in ms; closed loop.")
    say("x floor: the median of the ratios of requests/s within each round.")
    say("us: processor time per request in microseconds. others: cores that everything else on the machine took.")
    say()
    say(
        "| subject | conn. | req/s | p50 | p95 | p99 | longest | x floor A | x floor B "
        "| server us | worker us | PG us | client us | others |"
    )
    say("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for cell, row in sorted(figures.items(), key=lambda item: item[0].connections):
        say(
            f"| {cell.subject} | {cell.connections} | {row.per_second:,.0f} | {row.p50:.2f} | {row.p95:.2f} "
            f"| {row.p99:.2f} | {row.longest:.0f} | {_ratio(runs, cell, FLOOR_A)} "
            f"| {_ratio(runs, cell, FLOOR_B)} | {row.server_us:.0f} | {row.worker_us:.0f} "
            f"| {row.postgres_us:.0f} | {row.client_us:.0f} | {row.others:.2f} |"
        )
    say()
    if max(row.others for row in figures.values()) > QUIET_CORES:
        say("The machine was not quiet: figures beside a large number of others are too low.")
    say(f"This disk, 8 kB write + fdatasync, alone, between the rounds: {fsync}.")


def print_verdicts(verdicts: list[Verdict]) -> None:
    """Print whether each target is met; nothing is claimed where nothing was measured."""
    if not verdicts:
        return
    say()
    say("| target | ratio | must | aim | |")
    say("|---|--:|--:|--:|---|")
    for verdict in verdicts:
        sign = "<=" if verdict.target.at_most else ">="
        word = "aim reached" if verdict.reaches_aim else "met" if verdict.met else "NOT MET"
        say(
            f"| {verdict.target.text} | {verdict.ratio:.2f} | {sign} {verdict.target.must:g} "
            f"| {sign} {verdict.target.aim:g} | {word} |"
        )


def print_following(following: Following) -> None:
    """Print how far what follows the ledger was behind."""
    say()
    say(
        f"Followers at full load, {following.per_second:,.0f} decisions/s for {following.seconds:.0f} s over 64 "
        f"connections: live {following.live:.2f} s behind, at the longest {following.live_longest:.2f} s (must be "
        f"< {MUST_LIVE:g}, aim < {AIM_LIVE:g}); "
        + ", ".join(f"{name} {lag:.1f} s" for name, lag in sorted(following.others.items()))
        + f" (must be < {MUST_OTHERS:g}); all caught up {following.caught_up:.1f} s after: {_word(following)}"
    )


def print_memory(memory: Memory) -> None:
    """Print what the largest web process held on the way."""
    held = ", ".join(
        f"{size / 1e6:.0f} MB {when}"
        for when, size in (
            ("at the start", memory.at_start),
            ("half way", memory.half_way),
            (f"after {memory.decisions:,} decisions", memory.at_end),
        )
    )
    bounds = f"must be < {MUST_BYTES / 1e6:.0f}, aim < {AIM_BYTES / 1e6:.0f}"
    say(f"Web process, resident: {held} ({bounds}): {_word(memory)}")


def print_exactness(exactness: Exactness) -> None:
    """Print how many of the requests were approved, by the answers and by the records."""
    fewest, most = min(exactness.recorded, default=0), max(exactness.recorded, default=0)
    say(f"Two web processes, {exactness.agents} agents at {exactness.limit} calls an hour, {exactness.asked:,} asked:")
    say(f"answers {exactness.statuses}, recorded approvals per agent {fewest} to {most}: {_word(exactness)}")


def print_growth(growth: Growth) -> None:
    """Print both sizes beside each other."""
    say()
    say("| size | req/s | p50 | p99 | server us | PG us |")
    say("|---|--:|--:|--:|--:|--:|")
    for row in (growth.small, growth.large):
        say(
            f"| {row.subject} | {row.per_second:,.0f} | {row.p50:.2f} | {row.p99:.2f} "
            f"| {row.server_us:.0f} | {row.postgres_us:.0f} |"
        )
    say()
    say(f"{growth.stored:,} decisions are stored on the large side at the end.")
    say(
        f"Cost per decision, large to small: {growth.cost:.2f} (must be <= {MUST:g}), req/s {growth.per_second:.2f}: "
        f"{_word(growth)}"
    )


def _word(found: Memory | Exactness | Growth | Following) -> str:
    return "met" if found.met else "NOT MET"


def write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")


def _ratio(runs: Mapping[Cell, Sequence[Figures]], cell: Cell, base: str) -> str:
    ratio = ratio_to(runs, cell, Cell(base, cell.connections), lambda figures: figures.per_second)
    return "" if ratio is None else f"{ratio:.2f}"
