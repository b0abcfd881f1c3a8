"""Invitations: one address, one organization, one role, one use. The secret is in the mail; here is its digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.errors import InvitationEndedError, SingleSignOnOnlyError, WrongInvitationAddressError
from accounts.ledger_entries import record
from accounts.models import Invitation, Membership, Organization, Role, User, UserSession
from accounts.permissions import Permission, permissions_of
from accounts.selectors import memberships_visible_to
from accounts.services.invitation_endings import end_invitation, open_invitations
from accounts.services.members import join
from accounts.services.organizations import lock_organization
from accounts.services.passwords import check_new_password
from accounts.services.sessions import is_single_sign_on
from aim import clock
from aim.errors import ConflictError, InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from aim.mail.outbox import queue_mail, withdraw_mail
from aim.mail.server import mail_is_configured
from aim.secrets import digest_of, new_secret

LIFE = timedelta(days=7)
MOST_AT_ONCE = 50
MOST_A_DAY = 500
_SCHEME = "aiminv"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation with its link, known this once. The console shows it where no mail server is configured."""

    invitation: Invitation
    link: str


@dataclass(frozen=True, slots=True)
class NotInvited:
    email: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Invitations:
    made: Sequence[Invited]
    failed: Sequence[NotInvited]


@transaction.atomic
def invite_members(actor: Actor, emails: Iterable[str], *, role: Role, message: str = "") -> Invitations:
    """One invitation for each address; who is a member already is named among the failed.

    An open invitation of the same address ends: the newest one counts. Raises `InvalidInputError` naming every
    address that is none; then nothing is sent at all.
    """
    membership = _inviter(actor)
    wanted = _addresses(emails)
    organization = lock_organization(membership.organization_id)
    _check_volume(organization, len(wanted))
    members = set(memberships_visible_to(actor).annotate(folded=Lower("user__email")).values_list("folded", flat=True))
    made: list[Invited] = []
    failed: list[NotInvited] = []
    for email in wanted:
        if email.lower() in members:
            failed.append(NotInvited(email, "already_member", _("%(email)s is a member already.") % {"email": email}))
            continue
        same = open_invitations(organization.id).annotate(folded=Lower("email")).filter(folded=email.lower())
        for earlier in same:
            end_invitation(actor, earlier, because="invited_anew")
        made.append(_invite(actor, membership, email, role=role, message=message))
    return Invitations(made, failed)


@transaction.atomic
def resend_invitation(actor: Actor, invitation_id: UUID) -> Invited:
    """A new secret by a new mail, good for another week; the link that was sent before is dead."""
    membership = _inviter(actor)
    invitation = _locked(actor, invitation_id)
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        raise ConflictError(_("This invitation was used or revoked. Invite the person anew."))
    _check_volume(invitation.organization, 1)
    secret = new_secret(_SCHEME)
    withdraw_mail(invitation.mail_id)
    invitation.digest, invitation.expires_at, invitation.invited_by = secret.digest, clock.now() + LIFE, membership
    link = _link(secret.text)
    _mail(invitation, link)
    invitation.save(update_fields=["digest", "expires_at", "invited_by", "mail"])
    _record(actor, Event.INVITATION_RESENT, invitation)
    return Invited(invitation, link)


@transaction.atomic
def revoke_invitation(actor: Actor, invitation_id: UUID) -> Invitation:
    actor.require(Permission.MEMBERS_WRITE)
    invitation = _locked(actor, invitation_id)
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        raise ConflictError(_("This invitation was used or revoked already."))
    end_invitation(actor, invitation, because="revoked")
    return invitation


def invitation_by_secret(secret: str) -> Invitation:
    """The open invitation behind a link; raises `InvitationEndedError`."""
    return invitation_by_digest(digest_of(secret))


def invitation_by_digest(digest: bytes) -> Invitation:
    invitation = Invitation.objects.select_related("organization", "invited_by__user").filter(digest=digest).first()
    if invitation is None or not _is_good(invitation):
        raise InvitationEndedError
    return invitation


@transaction.atomic
def accept_invitation(digest: bytes, user: User, *, address: str | None, method: str) -> Membership:
    """Make the person a member with the invited role, once. The caller has proved that the address is the person's.

    Raises `InvitationEndedError`, `WrongInvitationAddressError`.
    """
    invitation = invitation_by_digest(digest)
    if invitation.email.lower() != user.email.lower():
        raise WrongInvitationAddressError(invitation.email, user.email)
    if invitation.organization.sso_only and not is_single_sign_on(method):
        raise SingleSignOnOnlyError
    lock_organization(invitation.organization_id)
    # One row for one of many at once: the statement itself asks whether the invitation is still open.
    taken = open_invitations(invitation.organization_id).filter(digest=digest, expires_at__gt=clock.now())
    if taken.update(accepted_at=clock.now(), accepted_by=user) != 1:
        raise InvitationEndedError
    # Behind the lock nobody changes people any more: whoever invited may still do so now, or all of this is undone.
    inviters = Membership.objects.select_related("user", "organization")
    inviter = inviters.filter(organization_id=invitation.organization_id, id__in=[invitation.invited_by_id]).first()
    if not _may_invite(inviter):
        raise InvitationEndedError
    membership = Membership.objects.filter(organization_id=invitation.organization_id, user=user).first()
    if membership is None:
        membership = join(user, organization=invitation.organization, role=Role(invitation.role), address=address)
    actor = person_actor(membership, credential=method, address=address)
    _record(actor, Event.INVITATION_ACCEPTED, invitation)
    return membership


@transaction.atomic
def join_with_password(digest: bytes, *, name: str, password: str, address: str | None) -> User:
    """The account of an invited person who has none, with a password of their own choice, and the membership.

    Raises `InvitationEndedError`, `InvalidInputError` for `new_password`, `ConflictError` where there is an account.
    """
    invitation = invitation_by_digest(digest)
    check_new_password(password, User(email=invitation.email, name=name))
    user = create_invited_user(invitation, name=name, password=password)
    accept_invitation(digest, user, address=address, method=UserSession.Method.PASSWORD)
    return user


def create_invited_user(invitation: Invitation, *, name: str, password: str | None) -> User:
    """In the caller's transaction. The link, or the provider, has proved that the address is the person's."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, name=name[:_LONGEST_NAME])
    except IntegrityError:
        raise ConflictError(_("There is an account with this e-mail address already. Sign in to it.")) from None
    assert invitation.invited_by is not None
    record(
        person_actor(invitation.invited_by, credential="invitation"),
        Event.USER_CREATED,
        organization_id=invitation.organization_id,
        subject=user,
        data={},
        personal={"email": user.email, "name": user.name},
    )
    return user


def _inviter(actor: Actor) -> Membership:
    actor.require(Permission.MEMBERS_WRITE)
    membership = memberships_visible_to(actor).filter(user_id=actor.self_id).first()
    if membership is None:
        raise NotFoundError
    return membership


def _addresses(emails: Iterable[str]) -> list[str]:
    """Each once, as they were typed; raises `InvalidInputError` naming every one that is none."""
    wanted: dict[str, str] = {}
    problems: list[Problem] = []
    for index, text in enumerate(emails):
        email = text.strip()
        try:
            validate_email(email)
        except ValidationError:
            problems.append(
                Problem(f"emails[{index}]", "invalid", _('"%(email)s" is no e-mail address.') % {"email": email[:80]})
            )
        else:
            wanted.setdefault(email.lower(), email)
    if not wanted and not problems:
        problems.append(Problem("emails", "required", _("Name at least one e-mail address.")))
    if len(wanted) > MOST_AT_ONCE:
        problems.append(
            Problem(
                "emails",
                "too_many",
                ngettext(
                    "Invite at most %(most)s person at once.",
                    "Invite at most %(most)s people at once.",
                    MOST_AT_ONCE,
                )
                % {"most": MOST_AT_ONCE},
            )
        )
    if problems:
        raise InvalidInputError(tuple(problems))
    return list(wanted.values())


def _check_volume(organization: Organization, count: int) -> None:
    day = Invitation.objects.filter(organization=organization, created_at__gt=clock.now() - timedelta(days=1))
    if day.count() + count > MOST_A_DAY:
        raise ConflictError(
            ngettext(
                "An organization sends at most %(most)s invitation a day. Go on tomorrow.",
                "An organization sends at most %(most)s invitations a day. Go on tomorrow.",
                MOST_A_DAY,
            )
            % {"most": MOST_A_DAY}
        )


def _invite(actor: Actor, membership: Membership, email: str, *, role: Role, message: str) -> Invited:
    secret = new_secret(_SCHEME)
    invitation = Invitation(
        organization=membership.organization,
        email=email,
        role=role,
        message=message,
        invited_by=membership,
        digest=secret.digest,
        expires_at=clock.now() + LIFE,
    )
    link = _link(secret.text)
    _mail(invitation, link)
    invitation.save(force_insert=True)
    _record(actor, Event.INVITATION_CREATED, invitation)
    return Invited(invitation, link)


def _mail(invitation: Invitation, link: str) -> None:
    """Without a mail server there is nothing to wait for: the link is shown to the admin, to be handed over."""
    if not mail_is_configured():
        invitation.mail = None
        return
    inviter = invitation.invited_by.user if invitation.invited_by else None
    invitation.mail = queue_mail(
        kind="invitation",
        recipient=invitation.email,
        subject=_("Join %(organization)s on AIM") % {"organization": invitation.organization.name},
        template="accounts/mail/invitation",
        context={
            "organization": invitation.organization.name,
            "inviter": (inviter.name or inviter.email) if inviter else "",
            "role": Role(invitation.role).label,
            "message": invitation.message,
            "link": link,
            "expires_at": invitation.expires_at,
        },
        organization_id=invitation.organization_id,
    )


def _link(secret: str) -> str:
    return f"{settings.ORIGIN}{reverse('accounts:login')}?invitation={secret}"


def _locked(actor: Actor, invitation_id: UUID) -> Invitation:
    lock_organization(actor.scope)
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organization")
        .filter(organization_id=actor.scope, id=invitation_id)
        .first()
    )
    if invitation is None:
        raise NotFoundError
    return invitation


def _is_good(invitation: Invitation) -> bool:
    """Open, in time, and of an inviter who may still invite."""
    return (
        invitation.accepted_at is None
        and invitation.revoked_at is None
        and clock.now() < invitation.expires_at
        and _may_invite(invitation.invited_by)
    )


def _may_invite(inviter: Membership | None) -> bool:
    return inviter is not None and is_usable(inviter) and Permission.MEMBERS_WRITE in permissions_of(inviter.role)


def _record(actor: Actor, event: Event, invitation: Invitation) -> None:
    record(
        actor,
        event,
        organization_id=invitation.organization_id,
        subject=invitation,
        data={"role": invitation.role, "expires_at": clock.show_time(invitation.expires_at)},
        personal={"email": invitation.email},
    )
