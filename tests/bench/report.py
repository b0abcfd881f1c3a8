"""The tables of a run, as text for people and as JSON for programs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.machine import FsyncTail
from tests.bench.processes import QUIET_CORES
from tests.bench.rounds import Cell, Figures, Length
from tests.bench.targets import FLOOR_A, FLOOR_B, Verdict


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_machine(machine: Mapping[str, str]) -> None:
    for name, text in machine.items():
        say(f"{name + ':':<12} {text}")


def print_figures(figures: Mapping[Cell, Figures], *, length: Length, fsync: FsyncTail) -> None:
    """Print one line per subject and number of connections, with its ratio to the floors beside it."""
    say()
    say(f"Medians of {length.rounds} interleaved rounds of at most {length.seconds:g} s; times in ms; closed loop.")
    say("us: processor time per request in microseconds. others: cores that everything else on the machine took.")
    say()
    say(
        "| subject | conn. | req/s | p50 | p95 | p99 | longest | x floor A | x floor B "
        "| server us | PG us | client us | others |"
    )
    say("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for cell, row in sorted(figures.items(), key=lambda item: item[0].connections):
        say(
            f"| {cell.subject} | {cell.connections} | {row.per_second:,.0f} | {row.p50:.2f} | {row.p95:.2f} "
            f"| {row.p99:.2f} | {row.longest:.0f} | {_ratio(figures, cell, FLOOR_A)} "
            f"| {_ratio(figures, cell, FLOOR_B)} | {row.server_us:.0f} | {row.postgres_us:.0f} "
            f"| {row.client_us:.0f} | {row.others:.2f} |"
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


def write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")


def _ratio(figures: Mapping[Cell, Figures], cell: Cell, base: str) -> str:
    floor = figures.get(Cell(base, cell.connections))
    return f"{figures[cell].per_second / floor.per_second:.2f}" if floor else ""
