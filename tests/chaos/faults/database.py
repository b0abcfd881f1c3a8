"""R3, R4 and R17: PostgreSQL gone, PostgreSQL refusing one statement, and one agent's row held by somebody else."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.agents import Agent, Organization, verify_call
from tests.chaos.client import Client, decided
from tests.chaos.faults.triggers import PLACES, Place, failing
from tests.chaos.installation import Installation
from tests.chaos.journal import Answered
from tests.chaos.outcome import Outcome, judged

SQLSTATES = {
    "53100": "disk full",
    "57014": "query cancelled",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "23505": "unique violation",
}
TRANSIENT = ("40001", "40P01")
RETRIES = 3
STRANGERS = 6
LONG_SECONDS = 2.5


def kill_postgres(site: Installation, *, tries: int, down: float) -> Outcome:
    """R3: every other time SIGKILL, else the immediate stop; some `down` seconds before the restart."""
    outcome = Outcome("R3", "PostgreSQL killed or stopped at once under load")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    processes = site.web_pids()
    with judged(site, outcome) as client, client.load(agents, connections=8, pause=0.02):
        for turn in range(tries):
            time.sleep(random.uniform(0.2, 0.5))
            seen = len(client.answers)
            site.kill_postgres(signal.SIGKILL if turn % 2 == 0 else signal.SIGQUIT)
            # A short absence is waited out by whoever asks; a long one must be told.
            long = turn % 10 == 2
            time.sleep(LONG_SECONDS if long else random.uniform(0.3, 1.0) * down)
            site.restart_postgres()
            refused = [answer for answer in client.answers[seen:] if answer.status == 503]
            outcome.expect(not long or bool(refused), "I7: nobody was refused while PostgreSQL was gone")
            outcome.recovered(client.seconds_until(decided, since=time.time()), within=10)
            outcome.tries += 1
    outcome.expect(site.web_pids() == processes, "I8: a web process had to be started anew")
    return outcome


def restart_unnoticed(site: Installation, *, tries: int) -> Outcome:
    """R3: a restart in a quiet moment. An agent that no process has seen before must not find a dead connection."""
    outcome = Outcome("R3", "PostgreSQL restarted while nobody asks")
    organization = Organization(site)
    known, strangers = organization.agent(), [organization.agent() for _ in range(STRANGERS)]
    with judged(site, outcome) as client:
        for _ in range(tries):
            client.send([verify_call(known) for _ in range(STRANGERS)])
            site.kill_postgres(signal.SIGQUIT)
            site.restart_postgres()
            time.sleep(2)
            answers = client.send([verify_call(agent) for agent in (known, *strangers)])
            outcome.expect({answer.status for answer in answers} == {200}, f"I8: 2 s later the answers were {answers}")
            outcome.tries += 1
    return outcome


def freeze_postgres(site: Installation, *, tries: int, seconds: float) -> Outcome:
    """R3: the server is there and says nothing, which is worse than gone: whoever waits must be told in time."""
    outcome = Outcome("R3", f"PostgreSQL frozen for {seconds:g} s under load")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    stranger = organization.agent()
    with judged(site, outcome) as client, client.load(agents, connections=8, pause=0.02):
        for _ in range(tries):
            time.sleep(0.4)
            seen = len(client.answers)
            with _frozen(site):
                # One agent that no process knows yet: its snapshot cannot be read either.
                unknown = client.begin([verify_call(stranger)])
                time.sleep(seconds)
            refused = [answer for answer in client.answers[seen:] if answer.status == 503]
            outcome.expect(bool(refused), "I7: nobody was refused while PostgreSQL was frozen")
            outcome.recovered(client.seconds_until(decided, since=time.time()), within=10)
            outcome.tries += 1
            unknown()
    return outcome


@contextmanager
def _frozen(site: Installation) -> Iterator[None]:
    """SIGSTOP for the postmaster and every session of the product."""
    with site.superuser() as connection:
        sessions = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'aim' AND backend_type = 'client backend'"
        ).fetchall()
    pids = [site.postgres.pid, *(row[0] for row in sessions)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def fail_one_statement(site: Installation, *, tries: int) -> Outcome:
    """R4: each table that a decision writes, and the commit itself, fail with each SQLSTATE; then all is well again."""
    outcome = Outcome("R4", f"{len(PLACES) - 1} statements and the commit fail with {len(SQLSTATES)} SQLSTATEs")
    organization = Organization(site)
    agent, bystander = organization.agent(), organization.agent()
    with judged(site, outcome) as client:
        for _ in range(tries):
            for place in PLACES:
                for sqlstate in SQLSTATES:
                    _fail(site, client, (agent, bystander), place, sqlstate, outcome)
                for sqlstate in TRANSIENT:
                    _fail_briefly(site, client, agent, place, sqlstate, outcome)
    return outcome


def _fail(
    site: Installation, client: Client, agents: tuple[Agent, Agent], place: Place, sqlstate: str, outcome: Outcome
) -> None:
    agent, bystander = agents
    with site.superuser() as connection, failing(connection, place, agent, sqlstate=sqlstate) as executions:
        alone = client.ask(agent)
        count = executions()
        # Once in the quick way, and then once, or once and the retries, in the careful one.
        most = 2 + RETRIES if sqlstate in TRANSIENT else 2
        outcome.expect(
            1 <= count <= most, f"R4: {place.name} {sqlstate} was tried {count} times, at most {most} wanted"
        )
        together = client.send([verify_call(agent), verify_call(bystander)])
    outcome.tries += 1
    for answer in (alone, together[0]):
        outcome.expect(answer.status == 503, f"I1: {place.name} {sqlstate} was answered {answer.status}")
    outcome.expect(together[1].status == 200, f"R4: {place.name} {sqlstate} hurt another agent: {together[1]}")
    started = time.time()
    answer = client.ask(agent)
    outcome.expect(answer.status == 200, f"I8: after {place.name} {sqlstate} the answer was {answer}")
    outcome.recovered(time.time() - started, within=2)


def _fail_briefly(
    site: Installation, client: Client, agent: Agent, place: Place, sqlstate: str, outcome: Outcome
) -> None:
    """What fails with a transient state twice succeeds at the third time, and the agent hears of nothing."""
    with site.superuser() as connection, failing(connection, place, agent, sqlstate=sqlstate, times=2):
        answer = client.ask(agent)
    outcome.tries += 1
    outcome.expect(answer.status == 200, f"R4: {place.name} {sqlstate} was not tried again: {answer}")


def hold_one_row(site: Installation, *, tries: int, seconds: float) -> Outcome:
    """R17: another transaction keeps one agent's row; only that agent may notice."""
    outcome = Outcome("R17", f"one agent's row locked for {seconds:g} s")
    organization = Organization(site)
    held, others = organization.agent(), [organization.agent() for _ in range(4)]
    with judged(site, outcome) as client:

        def normal(answer: Answered) -> bool:
            return client.labels[answer.n] == "held" and decided(answer)

        for _ in range(tries):
            outcome.tries += 1
            seen = len(client.answers)
            with (
                client.load(others, connections=6, pause=0.02, label="others"),
                client.load([held], connections=4, pause=0.02, label="held"),
            ):
                with site.superuser() as connection, connection.transaction():
                    connection.execute(
                        "SELECT 1 FROM agents_agentruntime WHERE agent_id = %s FOR UPDATE", [held.id[4:]]
                    )
                    time.sleep(seconds)
                outcome.recovered(client.seconds_until(normal, since=time.time()), within=2)
            outcome.measure(client.answered("others", since=seen))
            refused = [answer for answer in client.answered("held", since=seen) if answer.status == 503]
            outcome.expect(bool(refused), "R17: the agent whose row was locked was never refused")
    return outcome
