"""Every fault with its counts: few for each `make test`, many for `make chaos`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import (
    clocks,
    database,
    disk,
    hanging,
    races,
    replays,
    sockets,
    tampering,
    tenancy,
    valkey,
    web_processes,
    workers,
)
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome

USUAL_PROCESSES = 2


@dataclass(frozen=True)
class Fault:
    """`few` and `many` are the counts that `attempt` takes; `hindrance` says why it cannot be tried here, if so.

    `alone`: it says how soon something must happen, so that nothing else may use the machine meanwhile.
    """

    name: str
    attempt: Callable[..., Outcome]
    few: Mapping[str, Any]
    many: Mapping[str, Any]
    hindrance: Callable[[], str | None] = lambda: None
    alone: bool = True

    def run(self, site: Installation, counts: Mapping[str, Any]) -> Outcome:
        site.serve(processes=USUAL_PROCESSES)
        # No fault may profit or suffer from what the processes have learnt from another.
        site.renew_web()
        return self.attempt(site, **counts)


FAULTS = (
    Fault("R1-web-killed-at-random", web_processes.kill_at_random, {"tries": 12}, {"tries": 300}),
    Fault("R2-web-killed-at-each-step", web_processes.kill_at_each_step, {"tries": 2}, {"tries": 20}),
    Fault("R3-postgres-killed", database.kill_postgres, {"tries": 3, "down": 0.6}, {"tries": 30, "down": 1.0}),
    Fault("R3-postgres-frozen", database.freeze_postgres, {"tries": 1, "seconds": 2.5}, {"tries": 8, "seconds": 3.0}),
    Fault("R4-statement-fails", database.fail_one_statement, {"tries": 1}, {"tries": 4}),
    Fault("R5-valkey-lost", valkey.lose_valkey, {"tries": 1, "seconds": 1.2}, {"tries": 8, "seconds": 1.5}),
    Fault("R6-disk-full", disk.fill_disk, {"tries": 1}, {"tries": 10}, disk.cannot_mount, alone=False),
    Fault("R7-clock-jumps", clocks.jump, {"tries": 1}, {"tries": 5}, clocks.no_library, alone=False),
    Fault("R8-workers-killed", workers.lose_workers, {"tries": 1}, {"tries": 5}, alone=False),
    Fault("R9-at-once", races.ask_at_once, {"rounds": 2, "processes": 2}, {"rounds": 20, "processes": 4}),
    Fault("R10-suspension", races.suspend_under_load, {"rounds": 5}, {"rounds": 1000}),
    Fault("R12-replay", replays.replay, {"requests": 100}, {"requests": 2000}, alone=False),
    Fault("R12-edges", replays.replay_at_the_edges, {"tries": 1}, {"tries": 4}),
    Fault("I4-reports", replays.report_at_once, {"approvals": 3}, {"approvals": 100}, alone=False),
    Fault("R13-servers-hang", hanging.hang, {"servers": 50, "seconds": 6.0}, {"servers": 50, "seconds": 30.0}),
    Fault("R14-tampering", tampering.tamper, {"count": 5}, {"count": 1000}, alone=False),
    Fault("R17-row-held", database.hold_one_row, {"tries": 1, "seconds": 2.5}, {"tries": 4, "seconds": 5.0}),
    Fault(
        "R18-live-sockets",
        sockets.watch_in_crowds,
        {"reading": 40, "silent": 10, "seconds": 4},
        {"reading": 450, "silent": 50, "seconds": 60},
    ),
    Fault("R19-two-tenants", tenancy.two_tenants, {"steps": 30, "runs": 2}, {"steps": 50, "runs": 16}, alone=False),
)
