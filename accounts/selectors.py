"""All reads of organizations and people. Each takes the actor first and sees the actor's organization only."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models import Q, QuerySet

from accounts.contracts import Actor
from accounts.models import (
    AlertCall,
    AlertWebhook,
    Invitation,
    Membership,
    Organization,
    OrganizationLogo,
    PersonalToken,
    Team,
    UserSession,
)
from aim.errors import NotFoundError


def organization_of(actor: Actor) -> Organization:
    """The actor's own organization; raises `NotFoundError` where it has none."""
    try:
        return Organization.objects.get(id=actor.scope)
    except Organization.DoesNotExist:
        raise NotFoundError from None


def memberships_visible_to(actor: Actor) -> QuerySet[Membership]:
    return Membership.objects.filter(organization_id=actor.scope).select_related("user", "organization")


def membership_by_user(actor: Actor, user_id: UUID) -> Membership:
    try:
        return memberships_visible_to(actor).get(user_id=user_id)
    except Membership.DoesNotExist:
        raise NotFoundError from None


def teams_visible_to(actor: Actor) -> QuerySet[Team]:
    return Team.objects.filter(organization_id=actor.scope).prefetch_related("members__user")


def team_by_id(actor: Actor, team_id: UUID) -> Team:
    try:
        return teams_visible_to(actor).get(id=team_id)
    except Team.DoesNotExist:
        raise NotFoundError from None


def tokens_of(actor: Actor) -> QuerySet[PersonalToken]:
    """The actor's own tokens in this organization, revoked ones included."""
    return PersonalToken.objects.filter(membership__organization_id=actor.scope, membership__user_id=actor.self_id)


def token_by_id(actor: Actor, token_id: UUID) -> PersonalToken:
    try:
        return tokens_of(actor).get(id=token_id)
    except PersonalToken.DoesNotExist:
        raise NotFoundError from None


def memberships_of_user(user_id: UUID) -> QuerySet[Membership]:
    """The places where a person may act, oldest first; used to begin and to switch a session."""
    active = Q(user__is_active=True, organization__status=Organization.Status.ACTIVE)
    return Membership.objects.filter(active, user_id=user_id).select_related("user", "organization").order_by("id")


def unknown_people_and_teams(actor: Actor, *, users: set[UUID], teams: set[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Which of these users and teams the actor's organization does not have."""
    known_users = memberships_visible_to(actor).filter(user_id__in=users).values_list("user_id", flat=True)
    known_teams = Team.objects.filter(organization_id=actor.scope, id__in=teams).values_list("id", flat=True)
    return users - set(known_users), teams - set(known_teams)


def invitations_visible_to(actor: Actor) -> QuerySet[Invitation]:
    """Every invitation of the organization, those that have ended included."""
    mine = Invitation.objects.filter(organization_id=actor.scope)
    return mine.select_related("mail", "invited_by__user", "accepted_by")


def invitation_by_id(actor: Actor, invitation_id: UUID) -> Invitation:
    try:
        return invitations_visible_to(actor).get(id=invitation_id)
    except Invitation.DoesNotExist:
        raise NotFoundError from None


def sessions_of(actor: Actor) -> QuerySet[UserSession]:
    """The actor's own sessions, in whichever of their organizations."""
    return UserSession.objects.filter(membership__user_id=actor.self_id).select_related("membership__organization")


def sessions_visible_to(actor: Actor) -> QuerySet[UserSession]:
    """All sessions in the actor's organization."""
    mine = UserSession.objects.filter(membership__organization_id=actor.scope)
    return mine.select_related("membership__organization", "membership__user")


def second_factors_of(user_id: UUID) -> QuerySet[Authenticator]:
    """Apps and passkeys; recovery codes only stand in for them."""
    types = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    factors: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=user_id, type__in=types).order_by("id")
    return factors


def has_second_factor(user_id: UUID) -> bool:
    return second_factors_of(user_id).exists()


def identities_of(user_id: UUID) -> QuerySet[SocialAccount]:
    """The accounts at providers that the person signs in with."""
    identities: QuerySet[SocialAccount] = SocialAccount.objects.filter(user_id=user_id).order_by("id")
    return identities


def logo_of(actor: Actor) -> OrganizationLogo | None:
    return OrganizationLogo.objects.filter(organization_id=actor.scope).first()


def users_with_second_factor(actor: Actor) -> set[UUID]:
    """Which members of the actor's organization have one."""
    types = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    mine = Authenticator.objects.filter(type__in=types, user__memberships__organization_id=actor.scope)
    return set(mine.values_list("user_id", flat=True))


def alert_webhook_of(actor: Actor) -> AlertWebhook | None:
    return AlertWebhook.objects.filter(organization_id=actor.scope).first()


def alert_calls_of(actor: Actor) -> QuerySet[AlertCall]:
    """The calls to the organization's webhook, newest first."""
    return AlertCall.objects.filter(organization_id=actor.scope).order_by("-id")
