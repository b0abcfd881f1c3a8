"""Who belongs to an organization, and as what. A removed member's tokens and sessions die in the same transaction."""

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.contracts import Actor
from accounts.dependents import tell_dependents
from accounts.errors import AlreadyMemberError, LastAdminError
from accounts.ledger_entries import record
from accounts.models import Membership, Organization, PersonalToken, Role, User
from accounts.permissions import Permission
from accounts.services.organizations import lock_organization
from aim.errors import NotFoundError
from aim.ledger.events import Event


@transaction.atomic
def add_member(actor: Actor, user: User, *, organization: Organization, role: Role) -> Membership:
    """Operators reach every organization, people their own. Raises `AlreadyMemberError`."""
    actor.require(Permission.MEMBERS_WRITE)
    if actor.organization_id not in {None, organization.id}:
        raise NotFoundError
    lock_organization(organization.id)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(organization=organization, user=user, role=role)
    except IntegrityError:
        raise AlreadyMemberError from None
    record(
        actor,
        Event.MEMBERSHIP_CREATED,
        organization_id=organization.id,
        subject=membership,
        data={"role": role.value},
    )
    tell_dependents(organization.id)
    return membership


@transaction.atomic
def change_role(actor: Actor, user_id: UUID, *, organization_id: UUID, role: Role) -> Membership:
    """In force for the person's next request, by whatever credential. Raises `LastAdminError`."""
    actor.require(Permission.MEMBERS_WRITE)
    membership = _locked(actor, user_id, organization_id)
    if membership.role == role:
        return membership
    if membership.role == Role.ADMIN:
        _keep_an_admin(membership)
    data = {"before": membership.role, "after": role.value}
    membership.role = role
    membership.save(update_fields=["role"])
    record(actor, Event.MEMBERSHIP_ROLE_CHANGED, organization_id=organization_id, subject=membership, data=data)
    tell_dependents(organization_id)
    return membership


@transaction.atomic
def remove_member(actor: Actor, user_id: UUID, *, organization_id: UUID) -> None:
    """End the membership with its tokens and teams. Raises `LastAdminError`."""
    actor.require(Permission.MEMBERS_WRITE)
    membership = _locked(actor, user_id, organization_id)
    if membership.role == Role.ADMIN:
        _keep_an_admin(membership)
    tokens = PersonalToken.objects.filter(membership=membership, revoked_at=None).values_list("prefix", flat=True)
    data = {
        "role": membership.role,
        "tokens_ended": sorted(tokens),
        "teams_left": sorted(team.name for team in membership.teams.all()),
    }
    record(actor, Event.MEMBERSHIP_REMOVED, organization_id=organization_id, subject=membership, data=data)
    membership.delete()
    tell_dependents(organization_id)


def _locked(actor: Actor, user_id: UUID, organization_id: UUID) -> Membership:
    if actor.organization_id not in {None, organization_id}:
        raise NotFoundError
    lock_organization(organization_id)
    membership = (
        Membership.objects.select_related("user").filter(organization_id=organization_id, user_id=user_id).first()
    )
    if membership is None:
        raise NotFoundError
    return membership


def _keep_an_admin(membership: Membership) -> None:
    others = Membership.objects.filter(
        organization_id=membership.organization_id, role=Role.ADMIN, user__is_active=True
    ).exclude(id=membership.id)
    if not others.exists():
        raise LastAdminError
