"""What a policy would have changed: recorded traffic, judged again by today's policies with and without it.

Only the check `policy` is judged again, with the agents as they are configured today and trust, address and time as
they were recorded. What that leaves open is counted, not guessed. It is bounded in rows and in seconds, newest first.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from django.db import connection

from aim.crypto.signature_base import SignedMessage
from aim.errors import InvalidInputError
from aim.ids import IdKind, show_id
from aim.ledger.reading import read_body
from verification.checks.policy import policy as policy_check
from verification.contracts import ActionRequest, Case, NeedsApproval, Origin, Passed
from verification.mcp_servers import NO_SERVERS
from verification.policies.book import read_row
from verification.policies.compiled import PolicyBook, compile_book
from verification.requests import action_from
from verification.snapshot import LOAD_BY_AGENT, AgentSnapshot, snapshot_from_row

MOST_ROWS = 100_000
LONGEST_SECONDS = 15.0
BATCH = 2_000
MOST_GROUPS = 200
MOST_SAMPLES = 5
_MOST_AGENTS = 20_000
APPROVED, PENDING, DENIED = "approved", "pending", "denied"
_KINDS = {DENIED: "newly_denied", PENDING: "newly_pending", APPROVED: "newly_allowed"}
_NO_MESSAGE = SignedMessage("POST", "https", b"", b"/", b"", [], b"")

_PAGE: LiteralString = """
SELECT v.id, e.body, e.disclosures FROM verification_verification v JOIN ledger_entry e ON e.id = v.id
WHERE v.organization_id = %s AND v.id < %s AND v.id >= %s AND e.id < %s AND e.id >= %s
ORDER BY v.id DESC LIMIT %s
"""


@dataclass(slots=True)
class Group:
    change: str
    agent_id: str
    agent: str
    action_type: str
    reason: str
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """`unaffected` were refused before any policy was asked; `later_checks_unknown` are those newly allowed whose later
    checks were never run. `complete` is false where the bounds ended it, `covered_since` says how far it came.
    """

    examined: int = 0
    unaffected: int = 0
    unchanged: int = 0
    not_replayable: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    later_checks_unknown: int = 0
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)
    groups_left_off: int = 0
    complete: bool = True
    covered_since: datetime | None = None
    seconds: float = 0.0


class Records:
    """The recorded decisions of an organization in a time, newest first, within the bounds."""

    def __init__(self, organization_id: UUID, *, since: datetime, until: datetime) -> None:
        self._organization_id = organization_id
        self._floor, self._ceiling = _floor(since), _floor(until)
        self.complete = True
        self.last: UUID | None = None

    def __iter__(self) -> Iterator[tuple[UUID, dict[str, Any]]]:
        started, rows, before = time.monotonic(), 0, self._ceiling
        while True:
            page = self._page(before)
            for identifier, body, disclosures in page:
                self.last = identifier
                yield identifier, read_body(bytes(body), None if disclosures is None else bytes(disclosures))
            rows += len(page)
            if len(page) < BATCH:
                return
            if rows >= MOST_ROWS or time.monotonic() - started > LONGEST_SECONDS:
                self.complete = False
                return
            before = page[-1][0]

    @property
    def covered_since(self) -> datetime | None:
        """How far back it came, where the bounds ended it."""
        if self.complete or self.last is None:
            return None
        return datetime.fromtimestamp(moment_of(self.last), UTC)

    def _page(self, before: UUID) -> list[tuple[UUID, Any, Any]]:
        with connection.cursor() as cursor:
            bounds = [before, self._floor]
            cursor.execute(_PAGE, [self._organization_id, *bounds, *bounds, BATCH])
            rows: list[tuple[UUID, Any, Any]] = cursor.fetchall()
            return rows


def _floor(moment: datetime) -> UUID:
    """The smallest id that a decision of this moment can have."""
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)


def moment_of(identifier: UUID) -> float:
    """When a UUIDv7 was made, in seconds since 1970."""
    return (identifier.int >> 80) / 1000


def replay(
    organization_id: UUID, *, since: datetime, until: datetime, today: dict[str, Any], candidate: dict[str, Any]
) -> Replay:
    """Judge the recorded requests by both rows of `LOAD_BOOK`."""
    started = time.monotonic()
    result, records = Replay(), Records(organization_id, since=since, until=until)
    judge = _Judge(organization_id, compile_book(today), compile_book(candidate))
    for identifier, body in records:
        result.examined += 1
        _replay_one(result, judge, identifier, body)
    result.complete, result.covered_since = records.complete, records.covered_since
    result.seconds = time.monotonic() - started
    return result


def _replay_one(result: Replay, judge: "_Judge", identifier: UUID, body: dict[str, Any]) -> None:
    data = body["data"]
    ran = next((line["result"] for line in data["checks"] if line["name"] == "policy"), "not_run")
    if ran in {"not_run", "errored"}:
        result.unaffected += 1
        return
    if body["erased"] or body["altered"]:
        result.not_replayable["values_erased"] += 1
        return
    try:
        agents = judge.agents(body["actor"]["id"], data["agent"]["trust_score"])
        if agents is None:
            result.not_replayable["agent_deleted"] += 1
            return
        request = _request(data)
    except (InvalidInputError, KeyError, TypeError, ValueError):
        # A record of a form that this version does not read.
        result.not_replayable["not_understood"] += 1
        return
    origin, now = Origin(_NO_MESSAGE, body["actor"]["address"], b"", "", 0), moment_of(identifier)
    before, _ = _outcome(Case(request, agents[0], origin, now))
    after, reason = _outcome(Case(request, agents[1], origin, now))
    # What another check has refused stays refused.
    if before == after or (data["decision"]["status"] == DENIED and ran != "failed"):
        result.unchanged += 1
        return
    result.changes[_KINDS[after]] += 1
    if ran == "failed":
        result.later_checks_unknown += 1
    _group(result, _KINDS[after], body, reason, identifier)


def _group(result: Replay, change: str, body: dict[str, Any], reason: str, identifier: UUID) -> None:
    actor, action = body["actor"], body["data"]["action"]["action_type"]
    key = (change, actor["id"], action, reason)
    group = result.groups.get(key)
    if group is None:
        if len(result.groups) >= MOST_GROUPS:
            result.groups_left_off += 1
            return
        shown = show_id(IdKind.AGENT, UUID(actor["id"]))
        group = result.groups[key] = Group(change, shown, actor["label"], action, reason)
    group.count += 1
    if len(group.samples) < MOST_SAMPLES:
        group.samples.append(show_id(IdKind.VERIFICATION, identifier))


class _Judge:
    """The agents of the organization as they are today, each with the policies of both books."""

    def __init__(self, organization_id: UUID, today: PolicyBook, candidate: PolicyBook) -> None:
        self._organization_id = organization_id
        self._books = (today, candidate)
        self._configured: dict[str, tuple[AgentSnapshot, AgentSnapshot] | None] = {}
        self._agents: dict[tuple[str, float | None], tuple[AgentSnapshot, AgentSnapshot]] = {}

    def agents(self, hex_id: str, trust: float | None) -> tuple[AgentSnapshot, AgentSnapshot] | None:
        """The agent with today's policies and with the candidate's, and the trust it had."""
        known = self._agents.get((hex_id, trust))
        if known is not None:
            return known
        if hex_id not in self._configured:
            self._configured[hex_id] = self._load(hex_id)
        configured = self._configured[hex_id]
        if configured is None:
            return None
        score = None if trust is None else Decimal(str(trust))
        today, candidate = (replace(snapshot, trust_score=score) for snapshot in configured)
        if len(self._agents) < _MOST_AGENTS:
            self._agents[hex_id, trust] = (today, candidate)
        return today, candidate

    def _load(self, hex_id: str) -> tuple[AgentSnapshot, AgentSnapshot] | None:
        row = read_row(LOAD_BY_AGENT, UUID(hex_id))
        if row is None or row["organization_id"] != self._organization_id:
            return None
        # Policies alone are asked, which need no servers.
        today, candidate = (snapshot_from_row(row, book, NO_SERVERS) for book in self._books)
        return today, candidate


def _request(data: dict[str, Any]) -> ActionRequest:
    """The request as it was asked, from its record."""
    action = {name: value for name, value in data["action"].items() if value is not None}
    return action_from(action | {"context": data["context"], "data": data["claims"]})


def _outcome(case: Case) -> tuple[str, str]:
    outcome = policy_check.run(case)
    if isinstance(outcome, NeedsApproval):
        return PENDING, outcome.detail
    return (APPROVED if isinstance(outcome, Passed) else DENIED), getattr(outcome, "detail", "")
