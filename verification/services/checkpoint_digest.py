"""The newest checkpoint by mail, once a day, to whoever chose it: kept there, it shows what is changed here."""

from django.db import transaction

from accounts.alerts import members_of, wants
from accounts.models import Organization
from aim import clock
from aim.ledger.deliveries import subject_of
from aim.ledger.sealing import last_checkpoint
from aim.mail.outbox import queue_mail
from aim.mail.server import mail_is_configured
from verification.alerts import CHECKPOINT_DIGEST


def mail_checkpoint_digest() -> int:
    """Queue the mails that are due; answers how many. Harmless however often it runs: each person gets one a day."""
    newest = last_checkpoint()
    if newest is None or not mail_is_configured():
        return 0
    queued = 0
    day = clock.now().date().isoformat()
    for organization_id in Organization.objects.filter(status=Organization.Status.ACTIVE).values_list("id", flat=True):
        for membership in members_of(organization_id):
            if not wants(membership, CHECKPOINT_DIGEST.code):
                continue
            with transaction.atomic():
                mail = queue_mail(
                    kind="checkpoint_digest",
                    recipient=membership.user.email,
                    subject=subject_of(newest),
                    template="ledger/mail/checkpoint",
                    context={"checkpoint": newest, "chosen": True},
                    organization_id=organization_id,
                    once=f"checkpoint-digest:{day}:{membership.id.hex}",
                )
            queued += mail is not None
    return queued
