"""R12: signed requests that come again, and reports of one approval that come together."""

import time

from tests.chaos.agents import Agent, Call, Organization, complete_call, verify_call
from tests.chaos.client import Client
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome, judged

AT_ONCE = 100
LIFETIME, SKEW = 60, 30
"""Of a signature and of clocks, in seconds, as the wire contract has them."""


def replay(site: Installation, *, requests: int) -> Outcome:
    """Each request again, 100 at a time, then once more after all web processes were killed."""
    outcome = Outcome("R12", f"replays, {AT_ONCE} at once, also after a restart")
    organization = Organization(site)
    agents = [organization.agent() for _ in range(4)]
    with judged(site, outcome) as client:
        for start in range(0, requests, AT_ONCE):
            calls = [verify_call(agents[n % 4]) for n in range(start, min(start + AT_ONCE, requests))]
            first = [answer.id for answer in client.send(calls)]
            _again(client, calls, first, outcome)
            site.renew_web()
            _again(client, calls, first, outcome)
        _same_moment(client, agents[0], outcome)
    return outcome


def replay_at_the_edges(site: Installation, *, tries: int) -> Outcome:
    """At the ends of the window in which a signature is good, and once nonces have been cleared behind it."""
    outcome = Outcome("R12", "replays at the window's edges and after the nonce is gone")
    agent = Organization(site).agent()
    with judged(site, outcome) as client:
        for _ in range(tries):
            now = int(time.time())
            # Whole seconds: the oldest is good for another second or two, the newest is just not too new.
            oldest = verify_call(agent, created=now - LIFETIME - SKEW + 2)
            newest = verify_call(agent, created=now + SKEW - 1)
            first = client.send([oldest, newest])
            outcome.expect(all(answer.approved for answer in first), f"R12: at the edges the answers were {first}")
            _again(client, [oldest, newest], [answer.id for answer in first], outcome)
            time.sleep(3.2)
            # Sooner than any clean-up may do it, and with no process left that remembers.
            _forget_nonce(site, first[0].id)
            site.renew_web()
            late = client.send([oldest])[0]
            outcome.expect(late.code == "signature_expired", f"I3: past its window a replay was answered {late}")
            outcome.expect(_kept_long_enough(site, first[1].id, now), "I3: a nonce is forgotten within its window")
            outcome.tries += 1
    return outcome


def report_at_once(site: Installation, *, approvals: int) -> Outcome:
    """I4: ten reports of one approval together, exactly one of which is accepted."""
    outcome = Outcome("I4", "10 reports of one approval at once")
    agent = Organization(site).agent()
    with judged(site, outcome) as client:
        for _ in range(approvals):
            approval = client.ask(agent)
            calls = [complete_call(agent, approval.id)] * 10
            statuses = [answer.status for answer in client.send(calls, verification=approval.id)]
            outcome.expect(sorted(statuses) == [200] + [409] * 9, f"I4: ten reports were answered {statuses}")
            outcome.tries += 1
    return outcome


def _again(client: Client, calls: list[Call], first: list[str], outcome: Outcome) -> None:
    again = [answer.id for answer in client.send(calls)]
    differing = sum(one != other for one, other in zip(first, again, strict=True))
    outcome.expect(differing == 0, f"I3: {differing} of {len(calls)} replays were answered with another decision")
    outcome.tries += len(calls)


def _same_moment(client: Client, agent: Agent, outcome: Outcome) -> None:
    """One request 100 times at once, never seen before: one decision, whichever process takes it."""
    answers = client.send([verify_call(agent)] * AT_ONCE)
    ids = {answer.id for answer in answers if answer.id}
    outcome.expect(len(ids) == 1, f"I3: one request at once was decided {len(ids)} times")
    outcome.expect({answer.status for answer in answers} == {200}, f"R12: answered {answers[0]}")
    outcome.tries += len(answers)


def _forget_nonce(site: Installation, verification: str) -> None:
    with site.superuser() as connection:
        connection.execute("DELETE FROM verification_nonce WHERE verification_id = %s", [verification[4:]])


def _kept_long_enough(site: Installation, verification: str, created_at: int) -> bool:
    with site.superuser() as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM expires_at) > %s FROM verification_nonce WHERE verification_id = %s",
            [created_at + SKEW - 1 + LIFETIME + SKEW, verification[4:]],
        ).fetchone()
    return bool(row and row[0])
