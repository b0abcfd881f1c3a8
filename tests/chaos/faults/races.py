"""R9 and R10: many requests of one agent at the same moment, at a limit and against a suspension."""

import random
import time
from datetime import UTC, datetime

from tests.chaos.agents import Organization, verify_call
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome, judged

AT_ONCE = 100
LIMITS = (10, 50, 1000)
EFFECT_SECONDS = 1.0


def ask_at_once(site: Installation, *, rounds: int, processes: int) -> Outcome:
    """R9: 100 requests of one agent together, for each limit, while other agents ask as always."""
    outcome = Outcome("R9", f"{AT_ONCE} requests at once at limits {LIMITS}, {processes} web processes")
    site.serve(processes=processes)
    organization = Organization(site)
    others = [organization.agent() for _ in range(3)]
    with judged(site, outcome) as client:
        for limit in LIMITS * rounds:
            _avoid_the_full_hour()
            agent = organization.agent(limit=limit)
            calls = [verify_call(agent) for _ in range(AT_ONCE)]
            seen = len(client.answers)
            with client.load(others, connections=3, pause=0.02, label="others"):
                time.sleep(0.1)
                answers = client.send(calls, label="race")
                time.sleep(0.2)
            outcome.tries += 1
            approved = sum(answer.approved for answer in answers)
            outcome.expect(approved == min(AT_ONCE, limit), f"I6: {approved} approved at a limit of {limit}")
            outside = {answer.status for answer in answers} - {200, 429}
            outcome.expect(not outside, f"R9: at a limit of {limit} some were answered {outside}")
            outcome.measure(client.answered("others", since=seen))
    return outcome


def suspend_under_load(site: Installation, *, rounds: int, connections: int = 50) -> Outcome:
    """R10: an agent is suspended and resumed, again and again, while it asks without pause on 50 connections."""
    outcome = Outcome("R10", f"suspension against {connections} clients")
    organization = Organization(site)
    agent = organization.agent()
    path = f"/api/v1/agents/{agent.id}"
    with judged(site, outcome) as client, client.load([agent], connections=connections):
        for _ in range(rounds):
            time.sleep(random.uniform(0.01, 0.06))
            organization.expect(200, "POST", f"{path}/suspend", {"reason": "chaos"})
            suspended, seen = time.time(), len(client.answers)
            time.sleep(0.03)
            late = [answer.at for answer in client.answers[seen:] if answer.approved]
            outcome.recovered(max([0.0, *(at - suspended for at in late)]), within=EFFECT_SECONDS)
            organization.expect(200, "POST", f"{path}/resume", {"reason": "chaos"})
            outcome.tries += 1
    return outcome


def _avoid_the_full_hour() -> None:
    """Limits are counted by the clock's hour: a round across it may rightly approve twice as many."""
    left = 3600 - datetime.now(UTC).timestamp() % 3600
    if left < 10:
        time.sleep(left + 0.5)
