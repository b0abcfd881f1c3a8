"""`python -m tests.chaos`: every fault at full counts, and the table for `docs/reliability.md`."""

import argparse
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome
from tests.chaos.plan import FAULTS, USUAL_PROCESSES, Fault

_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="R1", help="the faults to try, by how they begin")
    parser.add_argument("--few", action="store_true", help="the counts of `make test`")
    parser.add_argument("--seconds", type=float, default=900, help="no further fault begins after so long")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.only or fault.name.startswith(tuple(options.only))]
    console = Console(width=150)
    site = Installation()
    try:
        site.start(processes=USUAL_PROCESSES)
        outcomes = _try_all(site, chosen, console, few=options.few, until=time.monotonic() + options.seconds)
    finally:
        site.stop()
    console.print(_table(outcomes))
    for outcome in outcomes:
        for note in outcome.notes:
            console.print(f"{outcome.fault}: {note}", markup=False)
        for violation in outcome.violations[:_SHOWN]:
            console.print(f"{outcome.fault}: {violation}", markup=False)
    return int(len(outcomes) < len(chosen) or any(outcome.violations for outcome in outcomes))


def _try_all(site: Installation, faults: list[Fault], console: Console, *, few: bool, until: float) -> list[Outcome]:
    outcomes = []
    for fault in faults:
        if time.monotonic() > until:
            console.print(f"{fault.name}: not tried, the time is up")
            continue
        if (hindrance := fault.hindrance()) is not None:
            console.print(f"{fault.name}: not tried, {hindrance}")
            continue
        began = time.monotonic()
        outcomes.append(fault.run(site, fault.few if few else fault.many))
        console.print(f"{fault.name}: {time.monotonic() - began:.0f} s, {len(outcomes[-1].violations)} violations")
    return outcomes


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(
        "fault", "what", "tries", "requests", "violations", "at most (95 %)", "slowest recovery", "p99 others"
    )
    for outcome in outcomes:
        table.add_row(
            outcome.fault,
            outcome.what,
            f"{outcome.tries:,}",
            f"{outcome.asked:,}" if outcome.asked else "–",
            str(len(outcome.violations)),
            f"{3 / outcome.tries:.2%}" if outcome.tries and not outcome.violations else "–",
            "–" if outcome.recovery is None else f"{outcome.recovery:.2f} s",
            "–" if outcome.p99 is None else f"{outcome.p99:.0f} ms",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
