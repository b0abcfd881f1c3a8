"""Who belongs to an organization, and as what. A removed member's tokens and sessions die in the same transaction."""

from collections.abc import Mapping
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.actors import person_actor
from accounts.contracts import Actor
from accounts.dependents import tell_dependents
from accounts.errors import AlreadyMemberError, LastAdminError, SeveralOrganizationsError
from accounts.ledger_entries import record
from accounts.models import Membership, Organization, PersonalToken, Role, SavedView, User, UserSession
from accounts.ownership import hand_over
from accounts.permissions import Permission, permissions_of
from accounts.services.invitation_endings import end_invitations_by
from accounts.services.organizations import lock_organization
from accounts.services.second_factors import forget_second_factors
from accounts.services.users import one_time_password
from aim.errors import NotFoundError
from aim.ledger.events import Event


@transaction.atomic
def add_member(actor: Actor, user: User, *, organization: Organization, role: Role) -> Membership:
    """Operators reach every organization, people their own. Raises `AlreadyMemberError`."""
    actor.require(Permission.MEMBERS_WRITE)
    if actor.organization_id not in {None, organization.id}:
        raise NotFoundError
    lock_organization(organization.id)
    membership = _create(user, organization, role)
    _record_joined(actor, membership, {})
    return membership


@transaction.atomic
def join(
    user: User, *, organization: Organization, role: Role, address: str | None, by: str = "invitation"
) -> Membership:
    """A person becomes a member by what an admin has allowed before, which the caller has checked."""
    lock_organization(organization.id)
    membership = _create(user, organization, role)
    _record_joined(person_actor(membership, credential=by, address=address), membership, {"by": by})
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
    if Permission.MEMBERS_WRITE not in permissions_of(role):
        end_invitations_by(actor, membership, because="role_changed")
    tell_dependents(organization_id)
    return membership


@transaction.atomic
def remove_member(actor: Actor, user_id: UUID, *, organization_id: UUID) -> None:
    """End the membership with its sessions, tokens, teams and open invitations. Raises `LastAdminError`."""
    actor.require(Permission.MEMBERS_WRITE)
    membership = _locked(actor, user_id, organization_id)
    if membership.role == Role.ADMIN:
        _keep_an_admin(membership)
    tokens = PersonalToken.objects.filter(membership=membership, revoked_at=None).values_list("prefix", flat=True)
    data = {
        "role": membership.role,
        "sessions_ended": membership.sessions.count(),
        "tokens_ended": sorted(tokens),
        "teams_left": sorted(team.name for team in membership.teams.all()),
    }
    record(actor, Event.MEMBERSHIP_REMOVED, organization_id=organization_id, subject=membership, data=data)
    end_invitations_by(actor, membership, because="member_removed")
    SavedView.objects.filter(owner=membership, shared=False).delete()
    membership.delete()
    tell_dependents(organization_id)


@transaction.atomic
def transfer_ownership(actor: Actor, user_id: UUID, *, to_user_id: UUID) -> int:
    """Give all that one member owns to another, such as before the first leaves; answers how many things it were."""
    actor.require(Permission.MEMBERS_WRITE)
    giver = _locked(actor, user_id, actor.scope)
    taker = _locked(actor, to_user_id, actor.scope)
    return hand_over(actor, giver, taker)


@transaction.atomic
def reset_sign_in(actor: Actor, user_id: UUID, *, organization_id: UUID) -> str:
    """For somebody who lost the password or the second factor: a one-time password, told this once.

    Second factors are forgotten, and every session ends. Raises `SeveralOrganizationsError` where the person belongs
    to others too: an admin of one must not open the door to another. Operators may.
    """
    actor.require(Permission.MEMBERS_WRITE)
    actor.require_fresh()
    membership = _locked(actor, user_id, organization_id)
    if actor.organization_id is not None and Membership.objects.filter(user_id=user_id).count() > 1:
        raise SeveralOrganizationsError
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    password = one_time_password()
    user.set_password(password)
    user.must_change_password, user.failed_attempts, user.locked_until = True, 0, None
    user.save(update_fields=["password", "must_change_password", "failed_attempts", "locked_until"])
    data = {
        "second_factors_forgotten": forget_second_factors(user),
        "sessions_ended": UserSession.objects.filter(membership__user=user).delete()[0],
    }
    record(actor, Event.USER_SIGN_IN_RESET, organization_id=organization_id, subject=membership, data=data)
    return password


def _create(user: User, organization: Organization, role: Role) -> Membership:
    try:
        with transaction.atomic():
            return Membership.objects.create(organization=organization, user=user, role=role)
    except IntegrityError:
        raise AlreadyMemberError from None


def _record_joined(actor: Actor, membership: Membership, data: Mapping[str, object]) -> None:
    record(
        actor,
        Event.MEMBERSHIP_CREATED,
        organization_id=membership.organization_id,
        subject=membership,
        data={"role": membership.role, **data},
    )
    tell_dependents(membership.organization_id)


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
