"""R5: Valkey stopped, emptied and frozen. Decisions do not need it, and nothing in it is believed."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from tests.chaos.agents import Organization, verify_call
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome, judged

SUCCESS = 0.99


def lose_valkey(site: Installation, *, tries: int, seconds: float) -> Outcome:
    """Each way so many times, for so many seconds each, with replays of what was approved before."""
    outcome = Outcome("R5", "Valkey stopped, emptied, frozen")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    with judged(site, outcome) as client:
        for _ in range(tries):
            for lost in (_stopped, _emptied, _frozen):
                calls = [verify_call(agent) for agent in agents]
                before = client.send(calls)
                seen = len(client.answers)
                with lost(site), client.load(agents, connections=6, pause=0.02, label="meanwhile"):
                    time.sleep(seconds)
                    after = client.send(calls)
                outcome.tries += 1
                outcome.measure(client.answered("meanwhile", since=seen), success=SUCCESS)
                same = [answer.id for answer in before] == [answer.id for answer in after]
                outcome.expect(same, f"I3: {lost.__name__}: a replay was decided anew")
    return outcome


@contextmanager
def _stopped(site: Installation) -> Iterator[None]:
    site.valkey.stop()
    try:
        yield
    finally:
        site.valkey.start()


@contextmanager
def _emptied(site: Installation) -> Iterator[None]:
    with redis.Redis(unix_socket_path=str(site.valkey.sockets / "valkey.sock")) as connection:
        connection.flushall()
    yield


@contextmanager
def _frozen(site: Installation) -> Iterator[None]:
    child = site.valkey.child
    assert child is not None
    child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        child.send_signal(signal.SIGCONT)
