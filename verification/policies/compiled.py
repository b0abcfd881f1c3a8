"""Policies made ready to be asked: narrowed to an agent and an action once, then a few comparisons a request.

Deny comes before require approval, and that before allow. What cannot be compiled denies all that it could match.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from agents.catalogue import actions_of
from aim.errors import InvalidInputError
from aim.ids import IdKind, show_id
from aim.resources.patterns import Scope, compile_scope
from verification.policies.comparisons import compile_comparison
from verification.policies.conditions.registry import CONDITIONS, Facts
from verification.policies.document import Approval, Document, Match, read_document
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


class _AutoApproval:
    """The alternatives of one policy. Asked with a case it answers what was enough, and how each condition stood."""

    def __init__(self, alternatives: Sequence[Mapping[str, Any]], facts: Facts) -> None:
        self._conditions: list[Predicate] = []
        self._questions: list[str] = []
        self._shorts: list[str] = []
        self._alternatives: list[tuple[int, ...]] = []
        for alternative in alternatives:
            first = len(self._conditions)
            for kind, value in alternative.items():
                condition = CONDITIONS[kind]
                self._conditions.append(condition.compile(value, facts))
                self._questions.append(_question(kind, value))
                self._shorts.append(condition.short)
            self._alternatives.append(tuple(range(first, len(self._conditions))))
        self._said: dict[tuple[bool, ...], tuple[bool, str]] = {}

    def ask(self, case: "Case") -> tuple[bool, str]:
        """Whether one alternative holds, and all of it in words."""
        answers = tuple([_holds(condition, case) for condition in self._conditions])
        said = self._said.get(answers)
        if said is None:
            said = self._said[answers] = self._in_words(answers)
        return said

    def _in_words(self, answers: tuple[bool, ...]) -> tuple[bool, str]:
        lines = [
            f"{question}: {'yes' if answer else 'no'}"
            for question, answer in zip(self._questions, answers, strict=True)
        ]
        for alternative in self._alternatives:
            if all(answers[index] for index in alternative):
                enough = " + ".join(self._shorts[index] for index in alternative)
                return True, "; ".join([*lines, f"auto-approved ({enough})"])
        return False, "; ".join(lines)


def _question(kind: str, value: Any) -> str:
    if kind == "user_role" and len(value) == 1:
        return f"User is {value[0]}"
    return CONDITIONS[kind].question


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
        self._tests = _tests(match, facts, restricts=document.restricts)
        self.auto = _AutoApproval(document.auto_approve, facts) if document.auto_approve else None
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


def _holds(condition: Predicate, case: "Case") -> bool:
    """A condition that breaks does not hold."""
    try:
        return condition(case)
    except Exception:
        log.exception("policy_condition_broke", agent=case.agent.public_id)
        return False


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


def _tests(match: Match, facts: Facts, *, restricts: bool) -> tuple[Predicate, ...]:
    tests: list[Predicate] = []
    if match.resources:
        tests.append(_of_resource((compile_scope(match.resources),), restricts=restricts))
    if match.data_classes:
        tests.append(_of_data_class(match.data_classes, facts, restricts=restricts))
    if match.users:
        tests.append(_of_user(frozenset(match.users), restricts=restricts))
    if match.mcp_servers:
        tests.append(_of_name(match.mcp_servers, "mcp_server"))
    if match.tools:
        tests.append(_of_name(match.tools, "tool"))
    tests += [compile_comparison(comparison, restricts=restricts) for comparison in match.where]
    return tuple(tests)


def _of_resource(scopes: tuple[Scope, ...], *, restricts: bool) -> Predicate:
    if len(scopes) == 1:
        allows = scopes[0].allows

        def one(case: "Case") -> bool:
            place = case.request.place
            return restricts if place is None else allows(place)

        return one

    def any_of(case: "Case") -> bool:
        place = case.request.place
        return restricts if place is None else any(scope.allows(place) for scope in scopes)

    return any_of


def _of_data_class(names: Sequence[str], facts: Facts, *, restricts: bool) -> Predicate:
    scopes = tuple(facts.data_classes[name] for name in names if name in facts.data_classes)
    if restricts and len(scopes) < len(names):
        # A class that nobody describes could hold anything.
        return lambda _case: True
    return _of_resource(scopes, restricts=restricts)


def _of_user(users: frozenset[str], *, restricts: bool) -> Predicate:
    def test(case: "Case") -> bool:
        user = case.request.user_id
        return user in users if user else restricts

    return test


def _of_name(patterns: Sequence[str], attribute: str) -> Predicate:
    expression = "|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns)
    matches = re.compile(f"(?:{expression})", re.DOTALL | re.IGNORECASE).fullmatch

    def test(case: "Case") -> bool:
        name = getattr(case.request, attribute)
        return name is not None and matches(name) is not None

    return test


class AgentPolicies:
    """The policies that concern one agent, by action: what a snapshot holds of them."""

    __slots__ = ("_actions", "_by_action", "_policies")

    def __init__(self, policies: Sequence[CompiledPolicy], actions: frozenset[str]) -> None:
        self._policies = policies
        self._actions = actions
        self._by_action: dict[str, tuple[CompiledPolicy, ...]] = {}

    def judge(self, case: "Case") -> Verdict:
        if not self._policies:
            return NOTHING
        action = case.request.action_type
        candidates = self._by_action.get(action)
        if candidates is None:
            candidates = self._candidates(action)
        return _judge(candidates, case) if candidates else NOTHING

    def _candidates(self, action: str) -> tuple[CompiledPolicy, ...]:
        found = tuple(policy for policy in self._policies if policy.actions is None or action in policy.actions)
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
    policies = [
        compile_policy(
            entry["document"],
            facts,
            ids=(_shown(IdKind.POLICY, entry["policy"]), _shown(IdKind.POLICY_VERSION, entry["id"]), entry["number"]),
            shadow=entry["state"] == SHADOW,
        )
        for entry in row["policies"]
    ]
    broken = tuple(policy.broken for policy in policies if policy.broken)
    return PolicyBook(policies, generation=row["generation"], broken=broken)


def facts_from(row: Mapping[str, Any]) -> Facts:
    return Facts(
        zone=ZoneInfo(row["timezone"]),
        roles=row["roles"],
        data_classes={name: compile_scope(patterns) for name, patterns in row["data_classes"]},
    )


def _shown(kind: IdKind, text: str) -> str:
    return show_id(kind, UUID(text))
