"""R8: workers killed in the middle of what they write, and every task delivered three times, once of them late.

What comes of it is compared with the entries themselves, and with what a replay from the first entry comes to.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import psycopg

from aim.schedule import SCHEDULE
from tests.chaos.agents import VERIFY, Organization, verify_call
from tests.chaos.client import Client
from tests.chaos.faults.triggers import slowed
from tests.chaos.installation import Installation, Workers, wait_until
from tests.chaos.outcome import Outcome, judged
from tests.factories.postbox import Postbox, running_mail_server

PROCESSES = 2
COPIES = 3
EXPIRY_SECONDS = 2
SERVER = "nowhere"
NOWHERE = {"version": "1", "url": "http://127.0.0.1:9/mcp", "verify_signature": False, "verify_capabilities": False}
"""A server that no worker reaches: agents that ask for it are refused, and counted."""
SETTLED_SECONDS = 300
PLACES = (
    "ledger_leaf",
    "verification_rollup",
    "verification_document",
    "verification_behaviourprofile",
    "agents_trustaccount",
    "verification_approval",
    "mail_outgoingmail",
)
"""What workers write to: one sleeps there, in the middle of its transaction, when it is killed."""
TASKS = [entry["task"] for entry in SCHEDULE.values()]
FOLLOWERS = (
    "alerts",
    "behaviour",
    "data_classes",
    "documents",
    "matches",
    "mcp_use",
    "notifications",
    "statistics",
    "trust",
)
"""All that there are; `tests/aim/ledger/test_followers.py` says so where one is missing."""
_REPLAY = """
from aim.ledger.followers import registered_followers, replay_follower
for known in registered_followers():
    replay_follower(known.name)
"""
STATES = {
    "statistics": "SELECT organization_id, granularity, period, agent_id, action_type, status, code, count,"
    " duration_us, latency FROM verification_rollup",
    "matches": "SELECT policy_id, granularity, period, version, shadow, effect, agent_id, count, latest"
    " FROM verification_policyrollup",
    "notifications": "SELECT id, membership_id, kind, topic, entry_id, seq, text, count, read_at"
    " FROM accounts_notification",
    "documents": "SELECT verification_id, organization_id, words::text FROM verification_document",
    "data classes": "SELECT data_class_id, verification_id FROM verification_classifieddecision",
    "behaviour": "SELECT agent_id, organization_id, profile::text FROM verification_behaviourprofile",
    "mcp use": "SELECT server_id, agent_id, hour, requests, approved, completed, succeeded, duration_ms, last_at"
    " FROM mcp_agentuse",
    "mcp tools": "SELECT tool_id, agent_id, requests, approved, last_at FROM mcp_agenttooluse",
    "trust": "SELECT agent_id, progress::text FROM agents_trustaccount",
    "trust chain": "SELECT agent_id, number, cause, delta, score, entry_id, signature FROM agents_trustevent",
}
# Of the story's own organization: nobody is mailed of what other faults did while no mail was set up, until a replay.
# The server that nobody reaches may fail once more meanwhile, with a mail.
MAILS = """
SELECT id, kind, recipient, once FROM mail_outgoingmail WHERE organization_id = %s AND kind <> 'mcp_failure'
"""
# Counted from the sealed bodies by PostgreSQL, without any code of the product.
COUNTED = """
SELECT e.organization_id, e.subject_id, b.body #>> '{data,decision,status}', b.body #>> '{data,decision,code}', count(*)
FROM ledger_entry e, LATERAL (SELECT convert_from(e.body, 'UTF8')::jsonb AS body) b
WHERE e.kind = 'verification.decided' GROUP BY 1, 2, 3, 4
"""
ROLLED_UP = """
SELECT organization_id, agent_id, status, code, sum(count)::bigint FROM verification_rollup
WHERE granularity = 'day' GROUP BY 1, 2, 3, 4
"""
NEVER = {
    "an entry has two places, or none": "SELECT count(*) FROM ledger_entry e FULL JOIN ledger_leaf l"
    " ON l.entry_id = e.id WHERE e.id IS NULL OR l.entry_id IS NULL",
    "I9: the order has a hole": "SELECT coalesce(max(seq) + 1, 0) - count(*) FROM ledger_leaf",
    "a decision is not in the index": "SELECT count(*) FROM ledger_entry e WHERE kind = 'verification.decided'"
    " AND NOT EXISTS (SELECT FROM verification_document d WHERE d.verification_id = e.id)",
    "an entry moved the trust of an agent twice": "SELECT count(*) FROM (SELECT FROM agents_trustevent"
    " WHERE entry_id IS NOT NULL GROUP BY agent_id, entry_id HAVING count(*) > 1) AS t",
    "an approval expired twice, or without an entry": "SELECT count(*) FROM (SELECT a.id FROM verification_approval a"
    " LEFT JOIN ledger_entry e ON e.subject_id = a.id AND e.kind = 'verification.approval.expired'"
    " WHERE a.status = 'expired' GROUP BY a.id HAVING count(e.id) <> 1) AS t",
    "a follower has stopped": "SELECT count(*) FROM ledger_follower WHERE stopped_at IS NOT NULL",
}
WAITING = """
SELECT (SELECT count(*) FROM verification_approval WHERE status = 'pending' AND expires_at < clock_timestamp())
    + (SELECT count(*) FROM mail_outgoingmail WHERE status = 'waiting')
    + (SELECT count(*) FROM ledger_entry e WHERE NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.entry_id = e.id))
    + (SELECT count(*) FROM unnest(%s::text[]) AS known(name) LEFT JOIN ledger_follower f USING (name)
        WHERE coalesce(f.seq, -1) < (SELECT max(seq) FROM ledger_leaf))
"""


class _Story:
    """Agents that are approved, refused and kept waiting, and people who are invited."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.agents = [organization.agent() for _ in range(3)]
        self.waiting = organization.agent(require_signature=False)
        self.invited: list[str] = []
        made = organization.expect(
            201,
            "POST",
            "/api/v1/policies",
            {
                "document": {
                    "name": "Somebody must agree soon",
                    "effect": "require_approval",
                    "match": {"agents": [self.waiting.id]},
                    "approval": {"expires_seconds": EXPIRY_SECONDS},
                }
            },
        )
        organization.expect(200, "POST", f"/api/v1/policies/{made['id']}/activate", {"version": 1})
        organization.expect(201, "POST", "/api/v1/mcp-servers", {**NOWHERE, "name": SERVER, "display_name": SERVER})

    def go_on(self, client: Client) -> None:
        """A little of everything that followers and tasks have to do with."""
        client.send([verify_call(agent) for agent in self.agents for _ in range(5)])
        # An agent whose hour of mistakes is used up moves nothing any more.
        fresh = self.organization.agent()
        client.send([verify_call(fresh, resource="/etc/shadow") for _ in range(5)])
        client.send([verify_call(fresh, action_type="mcp_tool_call", mcp_server=SERVER, tool="read")])
        approved, _forgotten = (self._wait() for _ in range(2))
        self.organization.call("POST", f"/api/v1/approvals/apr_{approved[4:]}/approve", {"note": "chaos"})
        email = f"guest-{len(self.invited)}-{self.organization.name.split()[-1]}@example.com"
        self.organization.expect(201, "POST", "/api/v1/invitations", {"emails": [email], "role": "member"})
        self.invited.append(email)

    def _wait(self) -> str:
        body = {"agent_id": self.waiting.id, "action_type": "file_read", "resource": "/app/config.json"}
        status, answer = self.organization.call("POST", VERIFY, body, token=self.waiting.api_key)
        assert status == 202, answer
        return str(answer["verification_id"])


def lose_workers(site: Installation, *, tries: int) -> Outcome:
    """At each place so many times: all workers killed there, while tasks are delivered three times."""
    outcome = Outcome("R8", f"workers killed at {len(PLACES)} places, every task three times")
    story = _Story(Organization(site))
    with running_mail_server() as postbox, site.superuser() as connection:
        surroundings = {"AIM_EMAIL_URL": f"smtp://127.0.0.1:{postbox.port}"}
        site.serve(processes=PROCESSES, environment=surroundings)
        with site.working(processes=PROCESSES, environment=surroundings) as workers:
            with judged(site, outcome) as client, client.load(story.agents, connections=3, pause=0.05):
                for _ in range(tries):
                    for place in PLACES:
                        _kill_at(workers, connection, client, story, place, outcome)
            outcome.recovered(_settle(workers, connection), within=SETTLED_SECONDS)
            # Late: everything that these tasks tell of was over long ago.
            _deliver(workers)
            _settle(workers, connection)
            _compare(site, connection, story.organization, outcome)
            _count_mails(postbox, story, outcome)
    return outcome


def _kill_at(
    workers: Workers,
    connection: psycopg.Connection[Any],
    client: Client,
    story: _Story,
    place: str,
    outcome: Outcome,
) -> None:
    with ExitStack() as stack:
        # What is to be written here must not have been by the time that whoever writes sleeps there.
        with workers.frozen():
            story.go_on(client)
            if place == "verification_approval":
                time.sleep(EXPIRY_SECONDS)
            inside = stack.enter_context(slowed(connection, place))
            _deliver(workers)
        wait_until(inside, what=f"a worker that writes to {place}", seconds=60)
        workers.kill()
    outcome.tries += 1


def _deliver(workers: Workers) -> None:
    for task in TASKS:
        for _ in range(COPIES):
            workers.send(task)


def _settle(workers: Workers, connection: psycopg.Connection[Any]) -> float:
    """Wait until nothing is left to be done; answers how long it took, in seconds."""
    began = time.monotonic()
    # A mail whose worker died is tried again after two minutes, which have gone by.
    connection.execute("UPDATE mail_outgoingmail SET next_try_at = now() WHERE status = 'waiting'")
    _deliver(workers)
    wait_until(lambda: _is_done(connection), what="the end of all work", seconds=SETTLED_SECONDS)
    return time.monotonic() - began


def _is_done(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(WAITING, [list(FOLLOWERS)]).fetchone()
    return row is not None and row[0] == 0


def _compare(
    site: Installation, connection: psycopg.Connection[Any], organization: Organization, outcome: Outcome
) -> None:
    for never, statement in NEVER.items():
        row = connection.execute(statement).fetchone()
        outcome.expect(row == (0,), f"R8: {never}: {row}")
    counted = _rows(connection, COUNTED)
    outcome.expect(counted == _rows(connection, ROLLED_UP), "R8: the statistics do not count what the ledger holds")
    before = _states(connection, organization)
    site.manage("shell", "--no-imports", "-c", _REPLAY)
    wait_until(lambda: _is_done(connection), what="the replays", seconds=SETTLED_SECONDS)
    for name, after in _states(connection, organization).items():
        outcome.expect(before[name] == after, f"R8: {name}: {_difference(before[name], after)}")


def _states(connection: psycopg.Connection[Any], organization: Organization) -> dict[str, list[str]]:
    found = {name: _rows(connection, statement) for name, statement in STATES.items()}
    return found | {"mails": _rows(connection, MAILS, [organization.id.removeprefix("org_")])}


def _rows(connection: psycopg.Connection[Any], statement: str, parameters: Sequence[str] | None = None) -> list[str]:
    return sorted(map(repr, connection.execute(statement, parameters).fetchall()))


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    ours, theirs = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    return f"{len(ours)} rows differ from a replay's {len(theirs)}: {ours[:1]} and {theirs[:1]}"


def _count_mails(postbox: Postbox, story: _Story, outcome: Outcome) -> None:
    """Each was sent, and a copy only ever where a worker died between the server's yes and its own note of it."""
    for email in story.invited:
        ids = [str(mail["Message-ID"]) for mail in postbox.to(email)]
        outcome.expect(len(set(ids)) == 1, f"R8: {email} got {len(ids)} mails as {sorted(set(ids))}")
    copies = len(postbox.mails) - len({str(mail["Message-ID"]) for mail in postbox.mails})
    most = outcome.tries // len(PLACES) * PROCESSES * 4
    outcome.expect(copies <= most, f"R8: {copies} mails were sent twice, by {most} interrupted sendings")
