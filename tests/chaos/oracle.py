"""Judges a run from outside: the client's journal on one side, the tables read by a superuser on the other.

Nothing of the product's code is asked. Each violation names the invariant of `docs/reliability.md` that it breaks.
"""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from tests.chaos.journal import Answered, Asked, read_journal

ANSWERS = {200, 202, 403, 429}
# A signature that is not accepted brings no nonce, and a refusal as replayed is no decision on the request.
WITHOUT_NONCE = {"replayed", "signature_missing", "signature_invalid", "signature_expired"}
LONGEST_MS = 2000.0


class Decision(NamedTuple):
    """One row of the table of decisions. `committed` is when its transaction committed."""

    agent: UUID
    status: str
    code: str
    committed: datetime


class Entry(NamedTuple):
    """One entry of the ledger for a decision."""

    status: str
    code: str
    request_id: str


class Facts:
    """What the database holds of the agents of one run."""

    def __init__(self, connection: psycopg.Connection[Any], agents: list[UUID]) -> None:
        self.decisions = {
            row[0]: Decision(*row[1:])
            for row in connection.execute(
                "SELECT id, agent_id, status, code, pg_xact_commit_timestamp(xmin) FROM verification_verification"
                " WHERE agent_id = ANY(%s)",
                [agents],
            )
        }
        self.entries = {
            row[0]: _entry(row[1], row[2])
            for row in connection.execute(
                "SELECT id, body, disclosures FROM ledger_entry"
                " WHERE kind = 'verification.decided' AND subject_id = ANY(%s)",
                [agents],
            )
        }
        self.nonces = Counter(
            row[0]
            for row in connection.execute(
                "SELECT verification_id FROM verification_nonce WHERE agent_id = ANY(%s)", [agents]
            )
        )
        self.completions = {
            row[0]
            for row in connection.execute(
                "SELECT verification_id FROM verification_completion WHERE agent_id = ANY(%s)", [agents]
            )
        }
        self.completion_entries = Counter(
            row[0]
            for row in connection.execute(
                "SELECT e.subject_id FROM ledger_entry e JOIN verification_verification v ON v.id = e.subject_id"
                " WHERE e.kind = 'verification.completed' AND v.agent_id = ANY(%s)",
                [agents],
            )
        )
        self.limits = {
            row[0]: (row[1], row[2])
            for row in connection.execute(
                "SELECT a.id, a.calls_per_hour, r.calls_used FROM agents_agent a"
                " JOIN agents_agentruntime r ON r.agent_id = a.id WHERE a.id = ANY(%s)",
                [agents],
            )
        }
        self.admitted: dict[UUID, list[int]] = defaultdict(list)
        """For each agent, how many decisions count against its limit in each hour, the newest hour last."""
        for agent, _, count in connection.execute(
            "SELECT agent_id, date_trunc('hour', created_at, 'UTC') AS hour, count(*) FROM verification_verification"
            " WHERE agent_id = ANY(%s) AND status IN ('approved', 'pending') GROUP BY 1, 2 ORDER BY 2",
            [agents],
        ):
            self.admitted[agent].append(count)
        self.suspensions = _suspensions(connection, agents)


def judge(journal: Path, connection: psycopg.Connection[Any]) -> list[str]:
    """Every violation of an invariant that the journal and the database show together; none is the verdict wanted."""
    asked, answered = read_journal(journal)
    facts = Facts(connection, sorted({UUID(hex=line.agent[4:]) for line in asked.values()}))
    questions = {n: line for n, line in asked.items() if not line.verification}
    return [
        *_answers_have_form(questions, answered),
        *_answers_are_recorded(questions, answered, facts),
        *_records_are_whole(questions, facts),
        *_one_nonce_one_decision(questions, answered, facts),
        *_one_completion(asked, answered, facts),
        *_nothing_after_suspension(facts),
        *_limits_hold(facts),
    ]


def _answers_have_form(asked: dict[int, Asked], answered: dict[int, Answered]) -> list[str]:
    """I7: a decision, or 503 in time with Retry-After, or no answer because the process was gone; nothing else."""
    found = []
    for n in asked:
        answer = answered.get(n)
        if answer is None:
            found.append(f"journal: request {n} has no outcome")
        elif answer.status == 0:
            if answer.lost == "TimeoutError":
                found.append(f"I7: request {n} was left without an answer for {answer.ms:.0f} ms")
        elif answer.status in ANSWERS:
            if not answer.id or answer.approved != (answer.status == 200):
                found.append(f"I7: request {n} was answered {answer.status} in the wrong form: {answer}")
        elif answer.status != 503:
            found.append(f"I7: request {n} was answered {answer.status} ({answer.code})")
        elif answer.approved or answer.retry_after < 1 or answer.content_type != "application/problem+json":
            found.append(f"I7: request {n} was refused with 503 in the wrong form: {answer}")
        elif answer.ms > LONGEST_MS:
            found.append(f"I7: request {n} waited {answer.ms:.0f} ms for its 503")
    return found


def _answers_are_recorded(asked: dict[int, Asked], answered: dict[int, Answered], facts: Facts) -> list[str]:
    """I1 and I2: what was answered is in both tables, with the same decision, for the agent that asked."""
    found = []
    for n, line in asked.items():
        answer = answered.get(n)
        if answer is None or not answer.id:
            continue
        key = UUID(hex=answer.id.removeprefix("ver_"))
        decision, entry = facts.decisions.get(key), facts.entries.get(key)
        if decision is None or entry is None:
            found.append(f"I2: {answer.id}, answered {answer.status}, is lost: {decision}, {entry}")
        elif (decision.status, decision.code) != (answer.decision, answer.code):
            found.append(f"I1: {answer.id} was answered {answer.decision} {answer.code} but is {decision}")
        elif decision.agent.hex != line.agent[4:]:
            found.append(f"I10: {answer.id} was answered to {line.agent} but belongs to {decision.agent.hex}")
    return found


def _records_are_whole(asked: dict[int, Asked], facts: Facts) -> list[str]:
    """Row, entry and nonce of a decision exist together or not at all, and only for what was asked."""
    found = [f"I1: {key} has a row without an entry" for key in facts.decisions.keys() - facts.entries.keys()]
    found += [f"I1: {key} has an entry without a row" for key in facts.entries.keys() - facts.decisions.keys()]
    found += [f"I3: a nonce names {key}, which does not exist" for key in facts.nonces.keys() - facts.decisions.keys()]
    ids = {line.request_id for line in asked.values()}
    for key, entry in facts.entries.items():
        decision = facts.decisions.get(key)
        if decision is not None and (decision.status, decision.code) != (entry.status, entry.code):
            found.append(f"I1: the row of {key} says {decision}, its entry {entry}")
        if entry.request_id not in ids:
            found.append(f"I3: {key} was decided for {entry.request_id}, which nobody asked")
    return found


def _one_nonce_one_decision(asked: dict[int, Asked], answered: dict[int, Answered], facts: Facts) -> list[str]:
    """I3: by the answers and by the records."""
    answers: dict[str, set[str]] = defaultdict(set)
    for n, line in asked.items():
        answer = answered.get(n)
        if answer is not None and answer.id and answer.code not in WITHOUT_NONCE:
            answers[line.agent + line.nonce].add(answer.id)
    found = [f"I3: one nonce was answered {sorted(ids)}" for ids in answers.values() if len(ids) > 1]
    records = Counter(entry.request_id for entry in facts.entries.values() if entry.code not in WITHOUT_NONCE)
    return found + [f"I3: {key} has {count} decisions" for key, count in records.items() if count > 1]


def _one_completion(asked: dict[int, Asked], answered: dict[int, Answered], facts: Facts) -> list[str]:
    """I4: at most one report of an approval is accepted, it is kept, and only an approval has one."""
    accepted = Counter(
        line.verification for n, line in asked.items() if line.verification and answered[n].status == 200
    )
    found = [f"I4: {key} was completed {count} times" for key, count in accepted.items() if count > 1]
    keys = {UUID(hex=key.removeprefix("ver_")) for key in accepted}
    found += [f"I4: the completion of {key} is lost" for key in keys - facts.completions]
    found += [f"I4: {key} has {count} entries" for key, count in facts.completion_entries.items() if count > 1]
    for key in facts.completions:
        decision = facts.decisions.get(key)
        if decision is None or decision.status != "approved":
            found.append(f"I4: {key} was completed although it is {decision}")
    return found


def _nothing_after_suspension(facts: Facts) -> list[str]:
    """I5: no approval between the commit of a suspension and that of the next resumption, by the database's times.

    A decision and a suspension lock the same row, and PostgreSQL takes the time of a commit before it lets go of the
    transaction's locks: the times of the two are in the order of their commits.
    """
    starts = {agent: [start for start, _ in spans] for agent, spans in facts.suspensions.items()}
    found = []
    for key, decision in facts.decisions.items():
        if decision.status != "approved" or decision.agent not in starts:
            continue
        last = bisect_left(starts[decision.agent], decision.committed) - 1
        if last < 0:
            continue
        start, end = facts.suspensions[decision.agent][last]
        if end is None or decision.committed < end:
            found.append(f"I5: {key} was approved at {decision.committed}, its agent was suspended at {start}")
    return found


def _limits_hold(facts: Facts) -> list[str]:
    """I6: by the records no hour holds more than the limit, and the counter of the last hour is exact."""
    found = []
    for agent, counts in facts.admitted.items():
        limit, used = facts.limits[agent]
        found += [f"I6: {agent} was admitted {count} times at a limit of {limit}" for count in counts if count > limit]
        # The hour of a decision is counted by the database's clock and dated by a reckoning of it: around the full
        # hour the two may differ by milliseconds.
        if len(counts) == 1 and counts[0] != used:
            found.append(f"I6: {agent} was admitted {counts[-1]} times this hour, its counter says {used}")
    return found


def _entry(body: bytes, disclosures: bytes) -> Entry:
    decision = json.loads(body)["data"]["decision"]
    _, told = json.loads(disclosures)["data.personal"]
    return Entry(decision["status"], decision["code"], told["correlation_id"])


def _suspensions(
    connection: psycopg.Connection[Any], agents: list[UUID]
) -> dict[UUID, list[tuple[datetime, datetime | None]]]:
    """For each agent the spans in which it was suspended, by the times of the commits."""
    spans: dict[UUID, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for agent, kind, committed in connection.execute(
        "SELECT subject_id, kind, pg_xact_commit_timestamp(xmin) AS committed FROM ledger_entry"
        " WHERE kind IN ('agents.agent.suspended', 'agents.agent.resumed') AND subject_id = ANY(%s)"
        " ORDER BY committed",
        [agents],
    ):
        if kind.endswith("suspended"):
            spans[agent].append((committed, None))
        else:
            spans[agent][-1] = (spans[agent][-1][0], committed)
    return spans
