"""A policy in sentences, for people who read it beside its YAML."""

from typing import Any

from verification.policies.conditions.registry import CONDITIONS
from verification.policies.document import Approval, Comparison, Document

_LISTS = {
    "actions": "the action is",
    "capabilities": "the action is one of the capability",
    "resources": "the resource matches",
    "data_classes": "the data is",
    "agents": "the agent is",
    "teams": "the agent belongs to the team",
    "agent_tags": "the agent is tagged",
    "users": "the user is",
    "mcp_servers": "the MCP server is",
    "tools": "the tool is",
}
_OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "one_of": "is one of",
    "none_of": "is none of",
    "more_than": "is more than",
    "at_least": "is at least",
    "less_than": "is less than",
    "at_most": "is at most",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
}
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_EFFECTS = {
    "deny": "Then it is denied.",
    "allow": "Then it is allowed, if nothing else denies it or asks for an approval.",
}


def sentences_of(document: Document) -> list[str]:
    """When, then and unless, one sentence each."""
    match = document.match
    when = [f"{words} {_either(getattr(match, name))}" for name, words in _LISTS.items() if getattr(match, name)]
    when += [_comparison(comparison) for comparison in match.where]
    lines = [f"When {', and '.join(when)}." if when else "For every action of every agent."]
    if document.effect == "require_approval":
        lines.append(_approval(document.approval))
    elif document.lifts_agent_list:
        lines.append("Then what the agent's own require-approval list asks is lifted.")
    else:
        lines.append(_EFFECTS.get(document.effect, ""))
    lines += [f"Unless {' and '.join(map(_condition, alternative.items()))}." for alternative in document.auto_approve]
    return lines


def _either(names: Any) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else str(last)


def _comparison(comparison: Comparison) -> str:
    if comparison.operator == "present":
        return f"{comparison.field} is {'given' if comparison.value else 'missing'}"
    value = comparison.value
    shown = _either(list(map(_shown, value))) if isinstance(value, list) else _shown(value)
    text = f"{comparison.field} {_OPERATORS[comparison.operator]} {shown} {comparison.currency}".rstrip()
    return (
        f"{text} (a missing one counts as {comparison.when_missing.replace('_', ' ')})"
        if (comparison.when_missing)
        else text
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _approval(approval: Approval) -> str:
    who = [*(f"a {role}" for role in approval.roles), *approval.users, *approval.teams, *approval.agents]
    people = _either(who or ["a manager", "a admin"]).replace("a admin", "an admin")
    text = f"Then {people} must approve"
    if approval.count > 1:
        text = f"Then {approval.count} must approve, each of them {people}"
    if approval.exclude_owner:
        text += ", but not the agent's owner"
    return f"{text}, within {_period(approval.expires_seconds)}." if approval.expires_seconds else f"{text}."


def _period(seconds: int) -> str:
    """In the largest unit that has no remainder: 3600 is 1 hour, 90 is 90 seconds."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}{'' if seconds == size else 's'}"


def _condition(item: tuple[str, Any]) -> str:
    kind, value = item
    return CONDITIONS[kind].sentence(value)
