"""R1 and R2: web processes that are killed, at random and at every step of a decision."""

import os
import random
import signal
import time
from contextlib import suppress

from tests.chaos.agents import Agent, Organization, verify_call
from tests.chaos.client import Client, decided
from tests.chaos.faults.triggers import PLACES, Place, paused
from tests.chaos.installation import Installation, wait_until
from tests.chaos.outcome import Outcome, judged
from tests.chaos.points import Point

RECOVERY_SECONDS = 3.0


def kill_at_random(site: Installation, *, tries: int) -> Outcome:
    """R1: SIGKILL for one or all web processes, again and again, while agents ask and report."""
    outcome = Outcome("R1", "web process killed at random under load")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    with judged(site, outcome) as client, client.load(agents, connections=8, pause=0.02, complete=0.1):
        while outcome.tries < tries:
            time.sleep(random.uniform(0.02, 0.25))
            outcome.tries += _kill(site, whole=random.random() < 0.5)
            outcome.recovered(client.seconds_until(decided, since=time.time()), within=RECOVERY_SECONDS)
    return outcome


def kill_at_each_step(site: Installation, *, tries: int) -> Outcome:
    """R2: SIGKILL at one exact point of one decision; then the same signed request comes again."""
    outcome = Outcome("R2", f"web process killed at {len(Point) + len(PLACES)} steps of a decision")
    agent = Organization(site).agent()
    with judged(site, outcome) as client:
        client.ask(agent)
        for point in Point:
            for turn in range(tries):
                _kill_in_process(site, client, agent, point, outcome, careful=turn % 2 == 1)
        for place in PLACES:
            for _ in range(tries):
                _kill_in_database(site, client, agent, place, outcome)
    return outcome


def _kill_in_process(
    site: Installation, client: Client, agent: Agent, point: Point, outcome: Outcome, *, careful: bool
) -> None:
    if careful or point is Point.LOCKED:
        _raise_epoch(site, agent)
    site.arm.write_text(point)
    call = verify_call(agent)
    first = client.send([call])[0]
    outcome.tries += 1
    outcome.expect(first.status == 0, f"{point}: the process answered {first.status} instead of dying")
    outcome.expect(not site.arm.exists(), f"{point}: never reached")
    site.arm.unlink(missing_ok=True)
    started = time.time()
    again = client.send([call])[0]
    outcome.expect(again.status == 200, f"{point}: the same request was then answered {again.status} {again.code}")
    outcome.recovered(time.time() - started, within=RECOVERY_SECONDS)


def _kill_in_database(site: Installation, client: Client, agent: Agent, place: Place, outcome: Outcome) -> None:
    """The record is half way in PostgreSQL when the process dies that waits for it."""
    call = verify_call(agent)
    with site.superuser() as connection, paused(connection, place, agent) as inside:
        pending = client.begin([call])
        wait_until(inside, what=f"the pause {place.name}")
        _kill(site, whole=True)
        first = pending()[0]
    outcome.tries += 1
    outcome.expect(first.status == 0, f"{place.name}: answered {first.status} although the process was killed")
    started = time.time()
    again = client.send([call])[0]
    outcome.expect(again.status == 200, f"{place.name}: the same request was then answered {again.status} {again.code}")
    outcome.recovered(time.time() - started, within=RECOVERY_SECONDS)


def _raise_epoch(site: Installation, agent: Agent) -> None:
    """As any change of the agent does: the next decision takes the careful way."""
    with site.superuser() as connection:
        connection.execute("UPDATE agents_agentruntime SET epoch = epoch + 1 WHERE agent_id = %s", [agent.id[4:]])


def _kill(site: Installation, *, whole: bool) -> int:
    """Kill the newest ids that the manager knows; answers how many."""
    pids = site.web_pids()
    chosen = pids if whole else [random.choice(pids)]
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(chosen)
