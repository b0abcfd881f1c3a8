"""People as their providers know them: whose identity it is, and what somebody unknown may become.

An e-mail address counts only where the provider has confirmed it and the operator believes the provider. Nobody becomes
a member without an invitation, or without an organization that names the domain of the address.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.errors import NoAccountError, SignInMethodNeededError, WrongInvitationAddressError
from accounts.ledger_entries import record
from accounts.models import Membership, Organization, Role, User
from accounts.selectors import identities_of, memberships_of_user
from accounts.services.invitations import accept_invitation, create_invited_user, invitation_by_digest
from accounts.services.members import join
from accounts.services.users import user_by_email
from aim.errors import ConflictError, NotFoundError
from aim.ledger.events import Event

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of the person: its own id for them, and the addresses that are to be believed."""

    provider: str
    uid: str
    name: str
    confirmed: Sequence[str]
    claimed: str = ""
    """The address the provider named without confirming it; shown to the person, and never used."""


@transaction.atomic
def recognize(identity: Identity, *, invitation: bytes | None, address: str | None) -> User:
    """The person behind the identity, who is let in now; an invitation or a domain may make them a member.

    Raises `NoAccountError`, `InvitationEndedError`, `WrongInvitationAddressError`.
    """
    known = SocialAccount.objects.select_related("user").filter(provider=identity.provider, uid=identity.uid).first()
    user = known.user if known else next(filter(None, map(user_by_email, identity.confirmed)), None)
    if invitation is not None:
        user = _invited(identity, user, invitation, address=address)
    elif user is None:
        user = _of_allowed_domain(identity, address=address)
    if user is None:
        raise NoAccountError(_refusal(identity))
    if not user.is_active or not any(is_usable(membership) for membership in memberships_of_user(user.id)):
        raise NoAccountError(_("Your account has no access any more. Ask an admin of your organization."))
    if known is None:
        _link(user, identity, address=address)
    return user


@transaction.atomic
def link_identity(actor: Actor, user: User, identity: Identity) -> None:
    """A signed-in person adds a way to sign in. Raises `ConflictError` where the identity is somebody else's."""
    actor.require_fresh()
    known = SocialAccount.objects.filter(provider=identity.provider, uid=identity.uid).first()
    if known is not None and known.user_id != user.id:
        raise ConflictError(_("This account is linked to another person already."))
    if known is None:
        _save(user, identity)
        _record(actor, Event.IDENTITY_LINKED, user, identity.provider)


@transaction.atomic
def unlink_identity(actor: Actor, identity_id: int) -> None:
    """One of the actor's own; the last way to sign in stays."""
    actor.require_fresh()
    user = User.objects.select_for_update(no_key=True).get(id=actor.self_id)
    account = identities_of(user.id).filter(id=identity_id).first()
    if account is None:
        raise NotFoundError
    if not user.has_usable_password() and identities_of(user.id).count() == 1:
        raise SignInMethodNeededError(_("This is your only way to sign in. Set a password by “Forgot it?” first."))
    account.delete()
    _record(actor, Event.IDENTITY_UNLINKED, user, account.provider)


def _invited(identity: Identity, user: User | None, digest: bytes, *, address: str | None) -> User:
    invitation = invitation_by_digest(digest)
    addresses = {email.lower() for email in identity.confirmed}
    if invitation.email.lower() not in addresses and (user is None or user.email.lower() != invitation.email.lower()):
        used = next(iter(identity.confirmed), "") or (
            identity.claimed and _("%(claimed)s (not confirmed)") % {"claimed": identity.claimed}
        )
        raise WrongInvitationAddressError(invitation.email, used or _("an account without a confirmed address"))
    if user is None:
        user = create_invited_user(invitation, name=identity.name, password=None)
    accept_invitation(digest, user, address=address, method=identity.provider)
    return user


def _of_allowed_domain(identity: Identity, *, address: str | None) -> User | None:
    """Exactly one organization may claim the domain of the address; where two do, neither gets the person."""
    for email in identity.confirmed:
        domain = email.rpartition("@")[2].lower()
        found = Organization.objects.filter(status=Organization.Status.ACTIVE, allowed_domains__contains=[domain])[:2]
        if len(found) == 1:
            user = User.objects.create_user(email, None, name=identity.name[:_LONGEST_NAME])
            membership = join(user, organization=found[0], role=Role.VIEWER, address=address, by="domain")
            actor = person_actor(membership, credential=identity.provider, address=address)
            personal = {"email": user.email, "name": user.name}
            record(actor, Event.USER_CREATED, organization_id=found[0].id, subject=user, data={}, personal=personal)
            return user
    return None


def _refusal(identity: Identity) -> str:
    if identity.confirmed:
        return _("There is no account for %(email)s. Ask an admin of your organization for an invitation.") % {
            "email": identity.confirmed[0]
        }
    if identity.claimed:
        return _(
            "%(claimed)s is not confirmed by this provider, so it cannot be used to find your account. Sign "
            "in another way, or ask your operator to name your tenant."
        ) % {"claimed": identity.claimed}
    return _("The provider did not say which confirmed e-mail address you have.")


def _link(user: User, identity: Identity, *, address: str | None) -> None:
    _save(user, identity)
    membership = memberships_of_user(user.id).first()
    assert isinstance(membership, Membership)
    _record(
        person_actor(membership, credential=identity.provider, address=address),
        Event.IDENTITY_LINKED,
        user,
        identity.provider,
    )


def _save(user: User, identity: Identity) -> None:
    SocialAccount.objects.create(user=user, provider=identity.provider, uid=identity.uid, extra_data={})


def _record(actor: Actor, event: Event, user: User, provider: str) -> None:
    record(actor, event, organization_id=actor.organization_id, subject=user, data={"provider": provider})
