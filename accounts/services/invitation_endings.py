"""How open invitations end before their time: each on record, and its mail held back if it has not left yet."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import Invitation, Membership
from aim import clock
from aim.ledger.events import Event
from aim.mail.outbox import withdraw_mail


def open_invitations(organization_id: UUID) -> QuerySet[Invitation]:
    """Neither used nor revoked; those whose time is up included."""
    return Invitation.objects.filter(organization_id=organization_id, accepted_at=None, revoked_at=None)


def end_invitation(actor: Actor, invitation: Invitation, *, because: str) -> None:
    """The caller holds the organization's row."""
    invitation.revoked_at = clock.now()
    invitation.save(update_fields=["revoked_at"])
    withdraw_mail(invitation.mail_id)
    record(
        actor,
        Event.INVITATION_REVOKED,
        organization_id=invitation.organization_id,
        subject=invitation,
        data={"role": invitation.role, "because": because},
        personal={"email": invitation.email},
    )


def end_invitations_by(actor: Actor, membership: Membership, *, because: str) -> None:
    """All that this member has sent, in the transaction in which the right to invite ends."""
    for invitation in open_invitations(membership.organization_id).filter(invited_by=membership):
        end_invitation(actor, invitation, because=because)
