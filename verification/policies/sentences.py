"""A policy in sentences, for people who read it beside its YAML: in the reader's language, and never recorded."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from verification.policies.conditions.registry import CONDITIONS
from verification.policies.document import Approval, Comparison, Document

_LISTS = {
    "actions": gettext_noop("the action is %(names)s"),
    "capabilities": gettext_noop("the action is one of the capability %(names)s"),
    "resources": gettext_noop("the resource matches %(names)s"),
    "data_classes": gettext_noop("the data is %(names)s"),
    "agents": gettext_noop("the agent is %(names)s"),
    "teams": gettext_noop("the agent belongs to the team %(names)s"),
    "agent_tags": gettext_noop("the agent is tagged %(names)s"),
    "users": gettext_noop("the user is %(names)s"),
    "mcp_servers": gettext_noop("the MCP server is %(names)s"),
    "tools": gettext_noop("the tool is %(names)s"),
}
_OPERATORS = {
    "is": gettext_noop("%(field)s is %(value)s"),
    "is_not": gettext_noop("%(field)s is not %(value)s"),
    "one_of": gettext_noop("%(field)s is one of %(value)s"),
    "none_of": gettext_noop("%(field)s is none of %(value)s"),
    "more_than": gettext_noop("%(field)s is more than %(value)s"),
    "at_least": gettext_noop("%(field)s is at least %(value)s"),
    "less_than": gettext_noop("%(field)s is less than %(value)s"),
    "at_most": gettext_noop("%(field)s is at most %(value)s"),
    "contains": gettext_noop("%(field)s contains %(value)s"),
    "starts_with": gettext_noop("%(field)s starts with %(value)s"),
    "ends_with": gettext_noop("%(field)s ends with %(value)s"),
}
_MISSING = {
    "met": gettext_noop("%(comparison)s (a missing one counts as met)"),
    "not_met": gettext_noop("%(comparison)s (a missing one counts as not met)"),
}
_EFFECTS = {
    "deny": gettext_noop("Then it is denied."),
    "allow": gettext_noop("Then it is allowed, if nothing else denies it or asks for an approval."),
}
_ROLES = {
    "admin": gettext_noop("an admin"),
    "manager": gettext_noop("a manager"),
    "member": gettext_noop("a member"),
    "viewer": gettext_noop("a viewer"),
}
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60


def sentences_of(document: Document) -> list[str]:
    """When, then and unless, one sentence each."""
    match = document.match
    when = [
        _(words) % {"names": _either(getattr(match, name))} for name, words in _LISTS.items() if getattr(match, name)
    ]
    when += [_comparison(comparison) for comparison in match.where]
    lines = [
        _("When %(clauses)s.") % {"clauses": _(", and ").join(when)} if when else _("For every action of every agent.")
    ]
    if document.effect == "require_approval":
        lines.append(_approval(document.approval))
    elif document.lifts_agent_list:
        lines.append(_("Then what the agent's own require-approval list asks is lifted."))
    else:
        lines.append(_(_EFFECTS[document.effect]) if document.effect in _EFFECTS else "")
    for alternative in document.auto_approve:
        clauses = _(" and ").join(CONDITIONS[kind].sentence(value) for kind, value in alternative.items())
        lines.append(_("Unless %(clauses)s.") % {"clauses": clauses})
    return lines


def _either(names: Any) -> str:
    *first, last = names
    return _("%(names)s or %(last)s") % {"names": ", ".join(first), "last": last} if first else str(last)


def _comparison(comparison: Comparison) -> str:
    if comparison.operator == "present":
        words = _("%(field)s is given") if comparison.value else _("%(field)s is missing")
        return words % {"field": comparison.field}
    value = comparison.value
    shown = _either(list(map(_shown, value))) if isinstance(value, list) else _shown(value)
    words = _(_OPERATORS[comparison.operator])
    text = (words % {"field": comparison.field, "value": f"{shown} {comparison.currency}"}).rstrip()
    return _(_MISSING[comparison.when_missing]) % {"comparison": text} if comparison.when_missing else text


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _approval(approval: Approval) -> str:
    roles = [_(_ROLES[role]) for role in approval.roles]
    who = [*roles, *approval.users, *approval.teams, *approval.agents]
    people = _either(who or [_("a manager"), _("an admin")])
    text = _("Then %(people)s must approve") % {"people": people}
    if approval.count > 1:
        words = ngettext(
            "Then %(n)d must approve, each of them %(people)s",
            "Then %(n)d must approve, each of them %(people)s",
            approval.count,
        )
        text = words % {"n": approval.count, "people": people}
    if approval.exclude_owner:
        text = _("%(approval)s, but not the agent's owner") % {"approval": text}
    if approval.expires_seconds:
        text = _("%(approval)s, within %(period)s") % {"approval": text, "period": _period(approval.expires_seconds)}
    return _("%(approval)s.") % {"approval": text}


def _period(seconds: int) -> str:
    """In the largest unit that has no remainder: 3600 is 1 hour, 90 is 90 seconds."""
    if seconds % _DAY == 0:
        return ngettext("%(n)d day", "%(n)d days", seconds // _DAY) % {"n": seconds // _DAY}
    if seconds % _HOUR == 0:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // _HOUR) % {"n": seconds // _HOUR}
    if seconds % _MINUTE == 0:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // _MINUTE) % {"n": seconds // _MINUTE}
    return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
