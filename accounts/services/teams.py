"""Teams: named groups of an organization's people, which an agent's access may be limited to."""

from collections.abc import Mapping
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.dependents import tell_dependents
from accounts.errors import NameTakenError
from accounts.ledger_entries import record
from accounts.models import Team
from accounts.permissions import Permission
from accounts.selectors import membership_by_user
from accounts.services.organizations import lock_organization
from aim.errors import NotFoundError
from aim.ledger.events import Event


@transaction.atomic
def create_team(actor: Actor, name: str) -> Team:
    """Raises `NameTakenError`."""
    actor.require(Permission.TEAMS_WRITE)
    if actor.organization_id is None:
        raise NotFoundError
    team = Team(organization_id=actor.organization_id, name=name)
    _save(team)
    _record(actor, Event.TEAM_CREATED, team, {"name": name})
    return team


@transaction.atomic
def rename_team(actor: Actor, team_id: UUID, *, name: str) -> Team:
    actor.require(Permission.TEAMS_WRITE)
    team = _locked(actor, team_id)
    before, team.name = team.name, name
    if before != name:
        _save(team)
        _record(actor, Event.TEAM_CHANGED, team, {"changes": {"name": {"before": before, "after": name}}})
    return team


@transaction.atomic
def delete_team(actor: Actor, team_id: UUID) -> None:
    """Agents that only this team may use can be used by nobody then: unknown means deny."""
    actor.require(Permission.TEAMS_WRITE)
    team = _locked(actor, team_id)
    members = sorted(member.user.email for member in team.members.select_related("user"))
    _record(actor, Event.TEAM_REMOVED, team, {"name": team.name, "members": members})
    team.delete()
    tell_dependents(actor.scope)


@transaction.atomic
def add_team_member(actor: Actor, team_id: UUID, *, user_id: UUID) -> Team:
    actor.require(Permission.TEAMS_WRITE)
    team, membership = _locked(actor, team_id), membership_by_user(actor, user_id)
    if not team.members.filter(id=membership.id).exists():
        team.members.add(membership)
        _record(actor, Event.TEAM_CHANGED, team, {}, {"added": {"id": user_id.hex, "label": membership.user.email}})
        tell_dependents(actor.scope)
    return team


@transaction.atomic
def remove_team_member(actor: Actor, team_id: UUID, *, user_id: UUID) -> None:
    actor.require(Permission.TEAMS_WRITE)
    team, membership = _locked(actor, team_id), membership_by_user(actor, user_id)
    if not team.members.filter(id=membership.id).exists():
        raise NotFoundError
    team.members.remove(membership)
    _record(actor, Event.TEAM_CHANGED, team, {}, {"removed": {"id": user_id.hex, "label": membership.user.email}})
    tell_dependents(actor.scope)


def _locked(actor: Actor, team_id: UUID) -> Team:
    lock_organization(actor.scope)
    team = Team.objects.select_for_update(no_key=True).filter(organization_id=actor.scope, id=team_id).first()
    if team is None:
        raise NotFoundError
    return team


def _save(team: Team) -> None:
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError:
        raise NameTakenError(_("Team name already exists. Use a different name.")) from None


def _record(
    actor: Actor,
    event: Event,
    team: Team,
    data: Mapping[str, object],
    personal: Mapping[str, object] | None = None,
) -> None:
    record(actor, event, organization_id=team.organization_id, subject=team, data=data, personal=personal)
