"""What a policy probably does not mean: out of reach, contradictory, over-broad, never met, impossible to approve."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from msgspec import Struct

from agents.catalogue import ACTION_TYPES, actions_of
from verification.policies.compiled import DEFAULT_ROLES
from verification.policies.document import Approval, Comparison, Document, Match
from verification.policies.terms import NUMERIC, READ_ONLY_ACTIONS, number_of

_LISTS = ("agents", "teams", "agent_tags", "users", "mcp_servers", "tools", "data_classes")

_OVER_BROAD = {
    "deny": gettext_noop("It denies every action of every agent."),
    "require_approval": gettext_noop("It asks for an approval of every action of every agent."),
    "allow": gettext_noop("It allows every action of every agent."),
}


class Finding(NamedTuple):
    code: str
    field: str
    message: str


class LintedPolicy(Struct, frozen=True):
    policy_id: str
    name: str
    document: Document


class Surroundings(Struct, frozen=True):
    """The organization as it is: agents are id, name, tags and capabilities; `teams` and `roles` by shown ids."""

    agents: tuple[tuple[str, str, frozenset[str], tuple[str, ...]], ...] = ()
    data_classes: Mapping[str, tuple[str, ...]] = {}
    roles: Mapping[str, str] = {}
    teams: Mapping[str, frozenset[str]] = {}
    live: tuple[LintedPolicy, ...] = ()


def lint_policy(document: Document, surroundings: Surroundings, *, policy_id: str = "") -> list[Finding]:
    """All there is to say of one policy, beside the other live ones of its organization."""
    others = [policy for policy in surroundings.live if policy.policy_id != policy_id]
    return [
        *_broad(document),
        *_never(document, surroundings),
        *_contradictory_comparisons(document.match.where),
        *_between(document, others),
        *_approvers(document, surroundings),
        *_conditions(document, surroundings),
    ]


def _broad(document: Document) -> list[Finding]:
    match = document.match
    narrowed = [name for name in Match.__struct_fields__ if getattr(match, name)]
    if not narrowed:
        return [Finding("over_broad", "match", _(_OVER_BROAD[document.effect]))]
    everything = {"/**", "https://**/**", "http://**/**"}
    if narrowed == ["resources"] and everything.intersection(match.resources):
        return [Finding("over_broad", "match.resources", _("The pattern means all resources of its kind."))]
    return []


def _never(document: Document, surroundings: Surroundings) -> list[Finding]:
    match, agents = document.match, surroundings.agents
    names = {name.casefold() for agent in agents for name in agent[:2]}
    tags = {tag for agent in agents for tag in agent[2]}
    empty = _("The data class %(name)s has no patterns: no resource is of it.")
    if document.restricts:
        empty = _("The data class %(name)s has no patterns: any resource may be of it.")
    missing = [
        ("agents", _("There is no agent %(name)s.") % {"name": name})
        for name in match.agents
        if name.casefold() not in names
    ]
    missing += [
        ("agent_tags", _("No agent is tagged %(tag)s.") % {"tag": tag}) for tag in match.agent_tags if tag not in tags
    ]
    missing += [
        ("teams", _("There is no team %(team)s.") % {"team": team})
        for team in match.teams
        if team not in surroundings.teams
    ]
    missing += [
        ("data_classes", empty % {"name": name})
        for name in match.data_classes
        if not surroundings.data_classes.get(name)
    ]
    actions, concerned = _actions(match), [agent for agent in agents if _concerns(match, agent)]
    if actions and concerned and not any(actions & actions_of(agent[3]) for agent in concerned):
        missing.append(("actions", _("No agent that it concerns has a capability for these actions.")))
    return [Finding("never_matches", f"match.{name}", message) for name, message in missing]


def _concerns(match: Match, agent: tuple[str, str, frozenset[str], tuple[str, ...]]) -> bool:
    wanted = {name.casefold() for name in match.agents}
    named = not wanted or agent[0] in wanted or agent[1].casefold() in wanted
    return named and (not match.agent_tags or not agent[2].isdisjoint(match.agent_tags))


def _actions(match: Match) -> frozenset[str]:
    listed = {*match.actions, *match.capabilities}
    return actions_of(listed) | listed


def _contradictory_comparisons(where: Sequence[Comparison]) -> list[Finding]:
    """Two comparisons of one field that nothing can meet."""
    warnings = []
    for index, one in enumerate(where):
        for other in where[index + 1 :]:
            if one.field == other.field and (_apart(one, other) or _apart(other, one)):
                message = _("%(field)s cannot be both: %(one)s, and %(other)s.") % {
                    "field": one.field,
                    "one": f"{one.operator} {one.value}",
                    "other": f"{other.operator} {other.value}",
                }
                warnings.append(Finding("contradictory", "match.where", message))
    return warnings


def _apart(low: Comparison, high: Comparison) -> bool:
    if low.operator == high.operator == "is":
        return bool(low.value != high.value)
    if low.operator in {"more_than", "at_least"} and high.operator in {"less_than", "at_most", "is"}:
        bottom, top = number_of(low.value), number_of(high.value)
        if bottom is None or top is None:
            return False
        both = low.operator == "at_least" and high.operator in {"at_most", "is"}
        return bottom > top or (bottom == top and not both)
    if low.operator == "is" and high.operator in {"less_than", "at_most"}:
        value, top = number_of(low.value), number_of(high.value)
        return (
            value is not None and top is not None and (value > top or (value == top and high.operator == "less_than"))
        )
    return low.operator == "present" and low.value is False and high.operator in {*NUMERIC, "is", "one_of"}


def _between(document: Document, others: Sequence[LintedPolicy]) -> list[Finding]:
    warnings = []
    for other in others:
        covered = covers(other.document.match, document.match)
        effect = other.document.effect
        if effect == "deny" and covered:
            code = "contradictory" if document.effect == "allow" else "unreachable"
            message = _("“%(name)s” denies all that this policy is about.") % {"name": other.name}
            warnings.append(Finding(code, "match", message))
        elif effect == "deny" and document.effect == "allow" and covers(document.match, other.document.match):
            message = _("“%(name)s” denies a part of what this policy allows.") % {"name": other.name}
            warnings.append(Finding("contradictory", "match", message))
        elif effect == document.effect and covered and not other.document.auto_approve:
            message = _("“%(name)s” says the same of all that this policy is about.") % {"name": other.name}
            warnings.append(Finding("unreachable", "match", message))
        elif effect == "require_approval" and document.effect == "allow" and covered:
            message = _("“%(name)s” asks for an approval all the same: an allow policy does not lift it.") % {
                "name": other.name
            }
            warnings.append(Finding("contradictory", "match", message))
    if document.effect == "allow" and not document.lifts_agent_list:
        message = _("It changes nothing: what is not denied needs no leave. Set lifts_agent_list to lift approvals.")
        warnings.append(Finding("no_effect", "effect", message))
    return warnings


def covers(wide: Match, narrow: Match) -> bool:
    """Whether whatever meets `narrow` surely meets `wide`."""
    if (_actions(wide) and not _actions(narrow)) or not (not _actions(wide) or _actions(narrow) <= _actions(wide)):
        return False
    for name in _LISTS:
        needed, given = set(getattr(wide, name)), set(getattr(narrow, name))
        if needed and not (given and given <= needed):
            return False
    if wide.resources and not (
        narrow.resources and all(any(_within(wider, one) for wider in wide.resources) for one in narrow.resources)
    ):
        return False
    return all(comparison in narrow.where for comparison in wide.where)


def _within(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    tree = wide[:-2] if wide.endswith("/**") else wide if wide.endswith("/") else None
    return tree is not None and "*" not in tree and "?" not in tree and narrow.startswith(tree)


def _approvers(document: Document, surroundings: Surroundings) -> list[Finding]:
    if document.effect != "require_approval" or not surroundings.roles:
        return []
    approval = document.approval
    warnings = [
        Finding("approval_impossible", f"approval.{name}", sentence % {"id": missing})
        for name, known, sentence in (
            ("users", surroundings.roles, _("Unknown user: %(id)s")),
            ("teams", surroundings.teams, _("Unknown team: %(id)s")),
        )
        for missing in getattr(approval, name)
        if missing not in known
    ]
    people = _eligible(approval, surroundings)
    # The owner, who may be among them, cannot be counted on.
    count = len(people) + len(approval.agents) - (1 if approval.exclude_owner and people else 0)
    if count < approval.count:
        message = _("%(needed)s must approve, and %(able)s can.") % {"needed": approval.count, "able": count}
        warnings.append(Finding("approval_impossible", "approval.count", message))
    return warnings


def _eligible(approval: Approval, surroundings: Surroundings) -> set[str]:
    named = approval.roles or approval.users or approval.teams or approval.agents
    roles = approval.roles if named else DEFAULT_ROLES
    people = {user for user, role in surroundings.roles.items() if role in roles}
    people |= {user for user in approval.users if user in surroundings.roles}
    for team in approval.teams:
        people |= surroundings.teams.get(team, frozenset())
    return people


def _conditions(document: Document, surroundings: Surroundings) -> list[Finding]:
    warnings = []
    actions = _actions(document.match)
    for index, alternative in enumerate(document.auto_approve):
        path = f"auto_approve[{index}]"
        if "read_only" in alternative and actions and not actions & READ_ONLY_ACTIONS:
            warnings.append(Finding("never_matches", path, _("None of the actions is read-only: it never holds.")))
        if list(alternative) == ["read_only"] and actions and not actions & _writing():
            message = _("All actions are read-only: nobody is ever asked.")
            warnings.append(Finding("contradictory", path, message))
        if list(alternative) == ["trust_at_least"] and Decimal(alternative["trust_at_least"]) == 0:
            warnings.append(Finding("contradictory", path, _("Every agent has that much trust: nobody is ever asked.")))
        warnings += [
            Finding("never_matches", path, _("The data class %(name)s has no patterns.") % {"name": name})
            for name in alternative.get("data_class", ())
            if not surroundings.data_classes.get(name)
        ]
    return warnings


def _writing() -> frozenset[str]:
    return ACTION_TYPES - READ_ONLY_ACTIONS
