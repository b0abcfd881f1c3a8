"""What an invitation and its mail look like from outside."""

from enum import StrEnum

from accounts.models import Invitation
from aim import clock
from aim.mail.models import OutgoingMail


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Delivery(StrEnum):
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BY_HAND = "by_hand"
    """No mail server is configured: the admin hands the link over."""


_DELIVERIES = {
    OutgoingMail.Status.WAITING.value: Delivery.SENDING,
    OutgoingMail.Status.SENT.value: Delivery.SENT,
    OutgoingMail.Status.FAILED.value: Delivery.FAILED,
}


def state_of(invitation: Invitation) -> InvitationState:
    if invitation.accepted_at is not None:
        return InvitationState.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationState.REVOKED
    return InvitationState.OPEN if clock.now() < invitation.expires_at else InvitationState.EXPIRED


def delivery_of(invitation: Invitation) -> Delivery:
    """A mail that is tried again after a first failure counts as failed until it was sent: somebody should look."""
    if invitation.mail is None:
        return Delivery.BY_HAND
    if invitation.mail.status == OutgoingMail.Status.WAITING and invitation.mail.last_error:
        return Delivery.FAILED
    return _DELIVERIES[invitation.mail.status]
