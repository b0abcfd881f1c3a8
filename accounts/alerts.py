"""Which events are worth a mail, and to whom: each kind is registered once, each organization chooses the roles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Role
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event


@dataclass(frozen=True, slots=True)
class AlertKind:
    """`code` is stored with the preferences and never changes. `sentence` makes the mail's subject from an entry."""

    code: str
    label: Promise | str
    events: frozenset[Event]
    sentence: Callable[[Mapping[str, Any]], str]
    roles: tuple[Role, ...] = (Role.ADMIN,)
    """Who gets it as long as the organization has not chosen."""


_kinds: dict[str, AlertKind] = {}


def register_alert(kind: AlertKind) -> None:
    """Called once a kind, from the app that writes its events."""
    if kind.code in _kinds:
        raise ValueError(f"There is an alert {kind.code} already")
    _kinds[kind.code] = kind


def alert_kinds() -> list[AlertKind]:
    return sorted(_kinds.values(), key=lambda kind: kind.code)


def roles_for(organization: Organization, kind: AlertKind) -> tuple[str, ...]:
    """Whom the organization wants to have told; a stored role that no longer exists is nobody."""
    chosen = organization.alert_preferences.get(kind.code)
    if chosen is None:
        return tuple(role.value for role in kind.roles)
    return tuple(role for role in chosen if role in Role.values)


def preferences_of(organization: Organization) -> dict[str, list[str]]:
    return {kind.code: list(roles_for(organization, kind)) for kind in alert_kinds()}


def preferences_with(organization: Organization, changes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """All preferences with these changes; raises `InvalidInputError` naming every kind and role that is none."""
    problems = []
    for code, roles in changes.items():
        if code not in _kinds:
            problems.append(Problem(f"alerts.{code}", "unknown", f"There is no alert {code[:80]}."))
        problems += [
            Problem(f"alerts.{code}", "unknown_role", f"{role[:80]} is no role.")
            for role in roles
            if role not in Role.values
        ]
    if problems:
        raise InvalidInputError(tuple(problems))
    ordered = {code: [role for role in Role.values if role in roles] for code, roles in changes.items()}
    return {**organization.alert_preferences, **ordered}


def _label(entry: Mapping[str, Any]) -> str:
    return str(entry["subject"].get("label") or "")


register_alert(
    AlertKind(
        "member_joined",
        _("Somebody joined the organization"),
        frozenset({Event.MEMBERSHIP_CREATED}),
        lambda entry: f"{_label(entry)} joined as {entry['data'].get('role')}",
    )
)
register_alert(
    AlertKind(
        "role_changed",
        _("A member's role was changed"),
        frozenset({Event.MEMBERSHIP_ROLE_CHANGED}),
        lambda entry: f"{_label(entry)} is now {entry['data'].get('after')}, was {entry['data'].get('before')}",
    )
)
register_alert(
    AlertKind(
        "sign_in_locked",
        _("A person was locked out after too many wrong passwords or codes"),
        frozenset({Event.USER_LOCKED}),
        lambda entry: f"{_label(entry)} was locked out after too many attempts to sign in",
    )
)
register_alert(
    AlertKind(
        "security_changed",
        _("Settings of the organization were changed"),
        frozenset({Event.ORGANIZATION_UPDATED}),
        lambda entry: f"Settings were changed: {', '.join(sorted(entry['data'].get('changes', {}))) or 'a proposal'}",
    )
)
