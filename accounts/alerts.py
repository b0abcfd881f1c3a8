"""Which events are worth telling, and whom: each kind is registered once, the organization chooses the roles, and each
person may choose otherwise for themselves. Whoever tells somebody of something asks `wants` first.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Invitation, Membership, Organization, Role
from accounts.permissions import ROLE_PERMISSIONS, Permission
from aim.errors import InvalidInputError, Problem
from aim.ledger.events import Event

HOME = "/dashboard"


class Channel(StrEnum):
    """The ways to a person. Stored with the choices: add, never rename."""

    MAIL = "mail"
    NOTIFICATION = "notification"


def always(_entry: Mapping[str, Any]) -> bool:
    return True


def home(_entry: Mapping[str, Any]) -> str:
    return HOME


def subject(entry: Mapping[str, Any]) -> str:
    """The id of what the entry is about."""
    return str(entry["subject"].get("id") or "")


def nothing(_entry: Mapping[str, Any]) -> None:
    return None


People = Callable[[Sequence[Mapping[str, Any]]], Sequence[Collection[UUID]]]


def each(one: Callable[[Mapping[str, Any]], Collection[UUID]]) -> People:
    """The `people` of a kind, where those of one entry have nothing to do with those of the next."""
    return lambda entries: [one(entry) for entry in entries]


@dataclass(frozen=True, slots=True)
class AlertKind:
    """`code` is stored with the preferences and never changes. `sentence` makes the mail's subject from an entry,
    through gettext at the moment when it is written.

    Entries of `events` count where `matches` says so. An entry may be of several kinds: mails and the webhook tell of
    it once, as the first kind by `code` that the receiver wants, the notifications centre as each. `path` is the page
    that the mail opens.
    """

    code: str
    label: Promise | str
    events: frozenset[Event]
    sentence: Callable[[Mapping[str, Any]], str]
    roles: tuple[Role, ...] = (Role.ADMIN,)
    """Who gets it as long as the organization has not chosen."""
    permission: Permission = Permission.ORGANIZATION_READ
    """Nobody is told of what they may not look at, whatever was chosen."""
    matches: Callable[[Mapping[str, Any]], bool] = always
    path: Callable[[Mapping[str, Any]], str] = home
    installation: bool = False
    """Of the installation and not of one organization: every organization is told, without details."""
    people: People | None = None
    """For each of many entries, ids of the users whose own matter it is. They alone are told then, and no organization
    chooses roles: unless they chose otherwise they find it in the notifications centre, and get no mail.
    """
    channels: frozenset[Channel] = frozenset(Channel)
    """The ways by which it can reach anybody at all."""
    icon: str = "bell"
    tone: str = "info"
    """One of a badge's: allowed, denied, pending, critical, info."""
    tells_actor: bool = False
    """Whether also whoever did it is told, because it happened without them."""
    topic: Callable[[Mapping[str, Any]], str] = subject
    """What an entry is about. As long as a person has not read of it, more of the same kind and topic are one line."""
    settled_by: frozenset[Event] = frozenset()
    settled: Callable[[Mapping[str, Any]], str | None] = nothing
    """The topic of which an entry of `settled_by` leaves nothing to do, so that it counts as read."""


_kinds: dict[str, AlertKind] = {}
_by_event: dict[str, list[AlertKind]] = {}


def register_alert(kind: AlertKind) -> None:
    """Called once a kind, from the app that writes its events."""
    if kind.code in _kinds:
        raise ValueError(f"There is an alert {kind.code} already")
    _kinds[kind.code] = kind
    for event in kind.events:
        _by_event[event.value] = sorted([*_by_event.get(event.value, ()), kind], key=lambda known: known.code)


def alert_kinds() -> list[AlertKind]:
    return sorted(_kinds.values(), key=lambda kind: kind.code)


def kinds_by_role() -> list[AlertKind]:
    """Those for which an organization chooses roles."""
    return [kind for kind in alert_kinds() if kind.people is None]


def alert_kind(code: str) -> AlertKind | None:
    """The kind with this code, or None where a stored one no longer exists."""
    return _kinds.get(code)


def roles_for(organization: Organization, kind: AlertKind) -> tuple[str, ...]:
    """Whom the organization wants to have told; a stored role that no longer exists is nobody."""
    chosen = organization.alert_preferences.get(kind.code)
    if chosen is None:
        return tuple(role.value for role in kind.roles)
    return tuple(role for role in chosen if role in Role.values)


def wants(membership: Membership, code: str, channel: Channel = Channel.MAIL) -> bool:
    """Whether this person, in this organization, is to be told of a kind of event in this way.

    The one question for mails, notifications and whatever else reaches people. False for a kind that is not
    registered, for whoever may not look at it, and for people who are deactivated.
    """
    kind = _kinds.get(code)
    if kind is None or not membership.user.is_active or not _may_see(membership, kind):
        return False
    return wanted_by(membership, kind, channel)


def wanted_by(membership: Membership, kind: AlertKind, channel: Channel) -> bool:
    """The person's own choice, or else that of the organization for the person's role."""
    if channel not in kind.channels:
        return False
    own = membership.alert_choices.get(kind.code)
    chosen = own.get(channel.value) if isinstance(own, dict) else None
    return chosen if isinstance(chosen, bool) else _usual(membership, kind, channel)


def _usual(membership: Membership, kind: AlertKind, channel: Channel) -> bool:
    """What holds for whoever has not chosen."""
    if kind.people is not None:
        return channel is Channel.NOTIFICATION
    return membership.role in roles_for(membership.organization, kind)


def members_of(organization_id: UUID) -> QuerySet[Membership]:
    """Everybody in an active organization who may be told anything, with their user and organization."""
    rows = Membership.objects.filter(
        organization_id=organization_id, organization__status=Organization.Status.ACTIVE, user__is_active=True
    )
    return rows.select_related("user", "organization")


def kinds_for(membership: Membership) -> list[AlertKind]:
    """Those that the person may be told of."""
    return [kind for kind in alert_kinds() if _may_see(membership, kind)]


def kinds_of(event: str, entry: Mapping[str, Any]) -> list[AlertKind]:
    """All kinds that an entry of the ledger is of, by `code`; none where it is not worth telling."""
    return [kind for kind in _by_event.get(event, ()) if kind.matches(entry)]


def choices_with(membership: Membership, changes: Mapping[str, Mapping[Channel, bool]]) -> dict[str, dict[str, bool]]:
    """The person's choices with these; what equals the organization's choice is not kept, so that it follows it.

    Raises `InvalidInputError` naming every kind that is none of the person's.
    """
    known = {kind.code: kind for kind in kinds_for(membership)}
    unknown = [code for code in changes if code not in known]
    if unknown:
        problems = (
            Problem(f"alerts.{code}", "unknown", gettext("There is no alert %(code)s.") % {"code": code[:80]})
            for code in unknown
        )
        raise InvalidInputError(tuple(problems))
    choices = dict(membership.alert_choices)
    for code, wanted in changes.items():
        kind = known[code]
        own = {channel.value: on for channel, on in sorted(wanted.items()) if on != _usual(membership, kind, channel)}
        choices.pop(code, None)
        if own:
            choices[code] = own
    return choices


def _may_see(membership: Membership, kind: AlertKind) -> bool:
    return membership.role in Role.values and kind.permission in ROLE_PERMISSIONS[Role(membership.role)]


def preferences_of(organization: Organization) -> dict[str, list[str]]:
    return {kind.code: list(roles_for(organization, kind)) for kind in kinds_by_role()}


def preferences_with(organization: Organization, changes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """All preferences with these changes; raises `InvalidInputError` naming every kind and role that is none."""
    problems = []
    known = {kind.code for kind in kinds_by_role()}
    for code, roles in changes.items():
        if code not in known:
            problems.append(
                Problem(f"alerts.{code}", "unknown", gettext("There is no alert %(code)s.") % {"code": code[:80]})
            )
        problems += [
            Problem(f"alerts.{code}", "unknown_role", gettext("%(role)s is no role.") % {"role": role[:80]})
            for role in roles
            if role not in Role.values
        ]
    if problems:
        raise InvalidInputError(tuple(problems))
    ordered = {code: [role for role in Role.values if role in roles] for code, roles in changes.items()}
    return {**organization.alert_preferences, **ordered}


def _label(entry: Mapping[str, Any]) -> str:
    return str(entry["subject"].get("label") or "")


def _inviter(entry: Mapping[str, Any]) -> Collection[UUID]:
    """Whoever invited, as long as they are a member."""
    row = Invitation.objects.filter(id=UUID(hex=entry["subject"]["id"])).select_related("invited_by").first()
    return () if row is None or row.invited_by is None else (row.invited_by.user_id,)


def _accepted(entry: Mapping[str, Any]) -> str:
    email, role = entry["data"].get("email"), _label(entry)
    if not email:
        return gettext("Somebody accepted your invitation as %(role)s") % {"role": role}
    return gettext("%(email)s accepted your invitation as %(role)s") % {"email": email, "role": role}


def _members(_entry: Mapping[str, Any]) -> str:
    return "/dashboard/settings/members"


register_alert(
    AlertKind(
        "member_joined",
        _("Somebody joined the organization"),
        frozenset({Event.MEMBERSHIP_CREATED}),
        lambda entry: (
            gettext("%(name)s joined as %(role)s") % {"name": _label(entry), "role": entry["data"].get("role")}
        ),
        permission=Permission.MEMBERS_READ,
        path=_members,
        icon="user-plus",
    )
)
register_alert(
    AlertKind(
        "invitation_accepted",
        _("Somebody accepted your invitation"),
        frozenset({Event.INVITATION_ACCEPTED}),
        _accepted,
        permission=Permission.MEMBERS_READ,
        path=_members,
        people=each(_inviter),
        icon="user-check",
        tone="allowed",
    )
)
register_alert(
    AlertKind(
        "role_changed",
        _("A member's role was changed"),
        frozenset({Event.MEMBERSHIP_ROLE_CHANGED}),
        lambda entry: (
            gettext("%(name)s is now %(after)s, was %(before)s")
            % {"name": _label(entry), "after": entry["data"].get("after"), "before": entry["data"].get("before")}
        ),
        permission=Permission.MEMBERS_READ,
        path=_members,
        icon="user-cog",
    )
)
register_alert(
    AlertKind(
        "sign_in_locked",
        _("A person was locked out after too many wrong passwords or codes"),
        frozenset({Event.USER_LOCKED}),
        lambda entry: gettext("%(name)s was locked out after too many attempts to sign in") % {"name": _label(entry)},
        permission=Permission.MEMBERS_READ,
        path=_members,
        icon="user-lock",
        tone="denied",
    )
)
register_alert(
    AlertKind(
        "security_changed",
        _("Settings of the organization were changed"),
        frozenset({Event.ORGANIZATION_UPDATED}),
        lambda entry: (
            gettext("Settings were changed: %(names)s")
            % {"names": ", ".join(sorted(entry["data"].get("changes", {}))) or gettext("a proposal")}
        ),
        path=lambda _entry: "/dashboard/settings",
        icon="settings",
    )
)
register_alert(
    AlertKind(
        "follower_stopped",
        _("A part of AIM that follows the ledger stopped, and what it shows stands still"),
        frozenset({Event.FOLLOWER_STOPPED}),
        lambda entry: (
            gettext("The follower %(name)s stopped: what it shows stands still until an operator looks")
            % {"name": _label(entry)}
        ),
        permission=Permission.LEDGER_READ,
        installation=True,
        icon="circle-stop",
        tone="critical",
        settled_by=frozenset({Event.FOLLOWER_RESTARTED, Event.FOLLOWER_REPLAYED}),
        settled=subject,
    )
)
register_alert(
    AlertKind(
        "checkpoint_not_delivered",
        _("Checkpoints of the ledger do not reach another place"),
        frozenset({Event.LEDGER_DELIVERY_FAILED}),
        lambda entry: (
            gettext("Checkpoints are not delivered by %(name)s: %(number)s attempts failed")
            % {"name": _label(entry), "number": entry["data"].get("failures")}
        ),
        permission=Permission.LEDGER_READ,
        installation=True,
        icon="mail-warning",
        tone="pending",
    )
)
