"""Which events people are told of: every kind is registered here once, whatever the way by which they are told.

There are two ways: the notifications centre of the console (`accounts.notifications`), and mail, for which each
organization chooses the roles. Whichever way, only people are told who may see what it is about.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Invitation, Organization, Role
from accounts.permissions import Permission
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event

Body = Mapping[str, Any]
"""A ledger entry as it is read: `actor`, `subject`, `data`, `organization`."""


class AlertGroup(StrEnum):
    """Under which heading a kind stands wherever people choose among them."""

    AGENTS = "agents"
    APPROVALS = "approvals"
    PEOPLE = "people"
    SECURITY = "security"
    SYSTEM = "system"


GROUP_TITLES: dict[AlertGroup, Promise | str] = {
    AlertGroup.AGENTS: _("Agents"),
    AlertGroup.APPROVALS: _("Approvals and policies"),
    AlertGroup.PEOPLE: _("People"),
    AlertGroup.SECURITY: _("Security"),
    AlertGroup.SYSTEM: _("The installation"),
}


def _nobody(_entry: Body) -> Collection[UUID]:
    return ()


def _always(_entry: Body) -> bool:
    return True


def _about(entry: Body) -> str:
    return str(entry["subject"].get("id") or "")


@dataclass(frozen=True, slots=True)
class AlertKind:
    """`code` is stored with preferences and notifications and never changes. `sentence` says it in words from an entry.

    `roles` get a mail as long as the organization has not chosen others; `notified` find it in the notifications
    centre, and so do the users whom `people` names. All of them need `permission`. Whoever did it is not told.
    """

    code: str
    label: Promise | str
    events: frozenset[Event]
    sentence: Callable[[Body], str]
    roles: tuple[Role, ...] = (Role.ADMIN,)
    notified: tuple[Role, ...] = ()
    people: Callable[[Body], Collection[UUID]] = _nobody
    """Ids of further users who are told, such as the one whose request it is; asked once an entry."""
    personal: bool = False
    """Told to `people` only: no role gets it, and an organization cannot choose any."""
    group: AlertGroup = AlertGroup.SECURITY
    permission: Permission = Permission.ORGANIZATION_READ
    icon: str = "bell"
    tone: str = "info"
    """One of a badge's: allowed, denied, pending, critical, info."""
    url: Callable[[Body], str] = lambda _entry: reverse("verification:overview")
    """The page of the console where it can be looked at, without the origin."""
    applies: Callable[[Body], bool] = _always
    """Which of the entries of these events are meant."""
    topic: Callable[[Body], str] = _about
    """What it is about. Until somebody has read it, more of the same topic count up instead of piling up."""
    settled_by: frozenset[Event] = frozenset()
    settled: Callable[[Body], str | None] = lambda _entry: None
    """The topic of which an entry of `settled_by` leaves nothing to do, so that it counts as read; None for none."""


_kinds: dict[str, AlertKind] = {}


def register_alert(kind: AlertKind) -> None:
    """Called once a kind, from the `alerts.py` of the app that writes its events."""
    if kind.code in _kinds:
        raise ValueError(f"There is an alert {kind.code} already")
    _kinds[kind.code] = kind


def every_kind() -> list[AlertKind]:
    """All that people can be told of, in the order of the groups."""
    groups = list(AlertGroup)
    return sorted(_kinds.values(), key=lambda kind: (groups.index(kind.group), kind.code))


def kind_of(code: str) -> AlertKind | None:
    """The kind with this code, or None where a stored one no longer exists."""
    return _kinds.get(code)


def alert_kinds() -> list[AlertKind]:
    """Those for which an organization chooses roles."""
    return [kind for kind in every_kind() if not kind.personal]


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
        if code not in _kinds or _kinds[code].personal:
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


def _label(entry: Body) -> str:
    return str(entry["subject"].get("label") or "")


def _inviter(entry: Body) -> Collection[UUID]:
    """Whoever invited, as long as the invitation is there."""
    row = Invitation.objects.filter(id=UUID(entry["subject"]["id"])).select_related("invited_by").first()
    return () if row is None or row.invited_by is None else (row.invited_by.user_id,)


def _members(_entry: Body) -> str:
    return reverse("accounts:members")


register_alert(
    AlertKind(
        "member_joined",
        _("Somebody joined the organization"),
        frozenset({Event.MEMBERSHIP_CREATED}),
        lambda entry: f"{_label(entry)} joined as {entry['data'].get('role')}",
        group=AlertGroup.PEOPLE,
        permission=Permission.MEMBERS_READ,
        icon="user-plus",
        url=_members,
    )
)
register_alert(
    AlertKind(
        "invitation_accepted",
        _("An invitation was accepted"),
        frozenset({Event.INVITATION_ACCEPTED}),
        lambda entry: f"{entry['data'].get('email') or 'Somebody'} accepted the invitation as {_label(entry)}",
        roles=(),
        notified=(Role.ADMIN,),
        people=_inviter,
        group=AlertGroup.PEOPLE,
        permission=Permission.MEMBERS_READ,
        icon="user-check",
        tone="allowed",
        url=_members,
    )
)
register_alert(
    AlertKind(
        "role_changed",
        _("A member's role was changed"),
        frozenset({Event.MEMBERSHIP_ROLE_CHANGED}),
        lambda entry: f"{_label(entry)} is now {entry['data'].get('after')}, was {entry['data'].get('before')}",
        notified=(Role.ADMIN,),
        people=lambda entry: (UUID(entry["subject"]["id"]),),
        group=AlertGroup.PEOPLE,
        permission=Permission.MEMBERS_READ,
        icon="user-cog",
        url=_members,
    )
)
register_alert(
    AlertKind(
        "sign_in_locked",
        _("A person was locked out after too many wrong passwords or codes"),
        frozenset({Event.USER_LOCKED}),
        lambda entry: f"{_label(entry)} was locked out after too many attempts to sign in",
        notified=(Role.ADMIN,),
        permission=Permission.MEMBERS_WRITE,
        icon="user-lock",
        tone="denied",
        url=_members,
    )
)
register_alert(
    AlertKind(
        "security_changed",
        _("Settings of the organization were changed"),
        frozenset({Event.ORGANIZATION_UPDATED}),
        lambda entry: f"Settings were changed: {', '.join(sorted(entry['data'].get('changes', {}))) or 'a proposal'}",
        notified=(Role.ADMIN,),
        permission=Permission.ORGANIZATION_WRITE,
        icon="settings",
        url=lambda _entry: reverse("accounts:settings"),
    )
)
register_alert(
    AlertKind(
        "follower_stopped",
        _("A follower of the ledger stopped itself"),
        frozenset({Event.FOLLOWER_STOPPED}),
        # Its error may quote what is another organization's.
        lambda entry: (
            f"The follower {_label(entry)} stopped itself: what it derives stands still until it is restarted"
        ),
        notified=(Role.ADMIN,),
        group=AlertGroup.SYSTEM,
        permission=Permission.ORGANIZATION_WRITE,
        icon="circle-stop",
        tone="critical",
    )
)
register_alert(
    AlertKind(
        "checkpoint_not_delivered",
        _("Checkpoints of the ledger do not reach another place"),
        frozenset({Event.LEDGER_DELIVERY_FAILED}),
        lambda entry: (
            f"Checkpoints are not delivered by {_label(entry)}: {entry['data'].get('failures')} attempts failed"
        ),
        notified=(Role.ADMIN,),
        group=AlertGroup.SYSTEM,
        permission=Permission.ORGANIZATION_WRITE,
        icon="mail-warning",
        tone="pending",
    )
)
