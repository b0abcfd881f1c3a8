"""Policies made ready to be asked: narrowed to an agent and an action once, then a few comparisons a request.

Deny comes before require approval, and that before allow. What cannot be compiled denies all that it could match.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from agents.catalogue import actions_of
from aim.errors import InvalidInputError
from aim.ids import IdKind, show_id
from aim.ledger.language import language_of_the_ledger
from aim.resources.patterns import compile_scope
from verification.policies.auto_approval import AutoApproval
from verification.policies.conditions.registry import Facts
from verification.policies.document import Approval, Document, read_document
from verification.policies.matching import scope_of, tests_of, union_of
from verification.policies.results import ApprovalRequirement, PolicyMatch

if TYPE_CHECKING:
    from verification.contracts import Case

Predicate = Callable[["Case"], bool]
Texts = frozenset[str] | None
log = structlog.get_logger("aim.verification")
DEFAULT_ROLES = ("manager", "admin")
SHADOW = "shadow"
_LAST = 3
_ORDER = {"deny": 0, "require_approval": 1, "allow": 2}


class Verdict(Struct, frozen=True, gc=False):
    """What the policies say together. `denied` and `note` are for the record; `matches` has the shadows too."""

    denied: str = ""
    note: str = ""
    requirements: tuple[ApprovalRequirement, ...] = ()
    lifts_agent_list: bool = False
    matches: tuple[PolicyMatch, ...] = ()


NOTHING = Verdict()


class AgentFacts(Struct, frozen=True, gc=False):
    """What policies may know of an agent before it asks anything."""

    public_id: str
    name: str
    tags: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


class CompiledPolicy:
    """One version of a policy. `applies` asks what the narrowing to agent and action has left open."""

    __slots__ = (
        "_tests",
        "actions",
        "agent_tags",
        "agents",
        "approves",
        "auto",
        "broken",
        "effect",
        "label",
        "lifts_agent_list",
        "match",
        "requirement",
        "scope",
        "shadow",
        "teams",
        "version_id",
    )

    def __init__(self, document: Document, facts: Facts, *, ids: tuple[str, str, int], shadow: bool) -> None:
        policy_id, self.version_id, number = ids
        match = document.match
        self.effect = document.effect
        self.shadow = shadow
        self.broken = ""
        self.label = f"{document.name} (version {number})"
        self.lifts_agent_list = document.lifts_agent_list
        listed = {*match.actions, *match.capabilities}
        self.actions: Texts = (actions_of(listed) | listed) if listed else None
        self.agents: Texts = frozenset(name.casefold() for name in match.agents) or None
        self.teams: Texts = frozenset(match.teams) or None
        self.agent_tags: Texts = frozenset(match.agent_tags) or None
        self.scope = scope_of(match, facts, restricts=document.restricts)
        self._tests = tests_of(match, facts, restricts=document.restricts)
        self.auto = AutoApproval(document.auto_approve, facts) if document.auto_approve else None
        self.requirement = _requirement(document.approval, policy_id, number)
        self.match = PolicyMatch(policy_id, self.version_id, number, self.effect, shadow)
        self.approves = PolicyMatch(policy_id, self.version_id, number, "auto_approve", shadow)

    @property
    def restricts(self) -> bool:
        return self.effect != "allow"

    def concerns(self, agent: AgentFacts) -> bool:
        """Whether the policy can apply to the agent at all."""
        return (
            (self.agents is None or agent.public_id in self.agents or agent.name.casefold() in self.agents)
            and (self.teams is None or not self.teams.isdisjoint(agent.teams))
            and (self.agent_tags is None or not self.agent_tags.isdisjoint(agent.tags))
        )

    def applies(self, case: "Case") -> bool:
        """A test that breaks counts against the request."""
        try:
            for test in self._tests:
                if not test(case):
                    return False
        except Exception:
            log.exception("policy_test_broke", policy=self.label, agent=case.agent.public_id)
            return self.restricts
        return True


def _requirement(approval: Approval, policy_id: str, number: int) -> ApprovalRequirement:
    named = approval.roles or approval.users or approval.teams or approval.agents
    return ApprovalRequirement(
        roles=approval.roles if named else DEFAULT_ROLES,
        users=approval.users,
        agents=approval.agents,
        teams=approval.teams,
        count=approval.count,
        exclude_owner=approval.exclude_owner,
        expires_seconds=approval.expires_seconds,
        policy_id=policy_id,
        policy_version=number,
    )


class _Candidates:
    """The policies of one agent and action. Of those for some resources, one look tells whether any can apply."""

    __slots__ = ("_all", "_anywhere", "_scope")

    def __init__(self, policies: Sequence[CompiledPolicy]) -> None:
        self._all = tuple(policies)
        self._anywhere = tuple(policy for policy in policies if policy.scope is None)
        self._scope = union_of([policy.scope for policy in policies if policy.scope is not None])

    def judge(self, case: "Case") -> Verdict:
        place = case.request.place
        policies = self._all if place is None or self._scope.allows(place) else self._anywhere
        return _judge(policies, case) if policies else NOTHING


class AgentPolicies:
    """The policies that concern one agent, by action: what a snapshot holds of them."""

    __slots__ = ("_actions", "_by_action", "_policies")

    def __init__(self, policies: Sequence[CompiledPolicy], actions: frozenset[str]) -> None:
        self._policies = policies
        self._actions = actions
        self._by_action: dict[str, _Candidates] = {}

    def judge(self, case: "Case") -> Verdict:
        if not self._policies:
            return NOTHING
        action = case.request.action_type
        candidates = self._by_action.get(action)
        if candidates is None:
            candidates = self._candidates(action)
        return candidates.judge(case)

    def _candidates(self, action: str) -> _Candidates:
        found = _Candidates([policy for policy in self._policies if policy.actions is None or action in policy.actions])
        if action in self._actions:
            # Kept for the agent's own actions only: what strangers invent must not fill the memory.
            self._by_action[action] = found
        return found


NO_POLICIES = AgentPolicies((), frozenset())


def _judge(candidates: Sequence[CompiledPolicy], case: "Case") -> Verdict:
    denied, notes, lifts = "", [], False
    requirements: list[ApprovalRequirement] = []
    matches: list[PolicyMatch] = []
    for policy in candidates:
        if not policy.applies(case):
            continue
        match, note = policy.match, policy.label
        if policy.auto is not None:
            enough, words = policy.auto.ask(case)
            note = f"{policy.label}: {words}"
            match = policy.approves if enough else match
        matches.append(match)
        if policy.shadow:
            continue
        if match.effect == "deny":
            denied = denied or (policy.broken or policy.label)
        elif match.effect == "require_approval":
            requirements.append(policy.requirement)
            notes.append(note)
        else:
            lifts = lifts or policy.lifts_agent_list
            notes.append(note)
    if not matches:
        return NOTHING
    return Verdict(denied, "; ".join(notes), tuple(requirements), lifts, tuple(matches))


class PolicyBook:
    """All live and shadow policies of an organization, compiled once and shared by the snapshots of its agents."""

    __slots__ = ("broken", "generation", "policies")

    def __init__(self, policies: Sequence[CompiledPolicy], *, generation: int, broken: tuple[str, ...] = ()) -> None:
        # Deny first, so that the policy a denial names is the first of its kind.
        self.policies = tuple(sorted(policies, key=lambda policy: _ORDER.get(policy.effect, _LAST)))
        self.generation = generation
        self.broken = broken

    def for_agent(self, agent: AgentFacts, actions: frozenset[str]) -> AgentPolicies:
        concerned = tuple(policy for policy in self.policies if policy.concerns(agent))
        return AgentPolicies(concerned, actions) if concerned else NO_POLICIES


def compile_policy(value: Any, facts: Facts, *, ids: tuple[str, str, int], shadow: bool) -> CompiledPolicy:
    """The compiled version. A stored document that is not understood denies what it could match."""
    try:
        return CompiledPolicy(read_document(value), facts, ids=ids, shadow=shadow)
    except Exception as error:
        log.exception("policy_not_understood", policy=ids[0], version=ids[2])
        reason = error.message if isinstance(error, InvalidInputError) else type(error).__name__
        return _broken(value, facts, ids, reason, shadow=shadow)


def _broken(value: Any, facts: Facts, ids: tuple[str, str, int], reason: str, *, shadow: bool) -> CompiledPolicy:
    """A denial of everything that those parts of `match` leave over which can still be read."""
    body: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    name = body.get("name") if isinstance(body.get("name"), str) else ids[0]
    match = body.get("match")
    kept: dict[str, Any] = {}
    for part, content in match.items() if isinstance(match, Mapping) else ():
        try:
            read_document({"name": "x", "effect": "deny", "match": {part: content}})
        except InvalidInputError:
            continue
        kept[part] = content
    document = read_document({"name": "x", "effect": "deny", "match": kept})
    policy = CompiledPolicy(document, facts, ids=ids, shadow=shadow)
    policy.label = f"{name} (version {ids[2]})"
    policy.broken = f"{policy.label} cannot be understood: {reason}"
    return policy


def compile_book(row: Mapping[str, Any]) -> PolicyBook:
    """The book in a row of `LOAD_BOOK`."""
    facts = facts_from(row)
    # What is wrong with a document is recorded with what it denies, in the language of the ledger.
    with language_of_the_ledger():
        policies = [_entry(entry, facts) for entry in row["policies"]]
    broken = tuple(policy.broken for policy in policies if policy.broken)
    return PolicyBook(policies, generation=row["generation"], broken=broken)


def _entry(entry: Mapping[str, Any], facts: Facts) -> CompiledPolicy:
    ids = (_shown(IdKind.POLICY, entry["policy"]), _shown(IdKind.POLICY_VERSION, entry["id"]), entry["number"])
    return compile_policy(entry["document"], facts, ids=ids, shadow=entry["state"] == SHADOW)


def facts_from(row: Mapping[str, Any]) -> Facts:
    return Facts(
        zone=ZoneInfo(row["timezone"]),
        roles=row["roles"],
        data_classes={name: compile_scope(patterns) for name, patterns in row["data_classes"]},
    )


def _shown(kind: IdKind, text: str) -> str:
    return show_id(kind, UUID(text))
