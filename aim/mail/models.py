"""Mail on its way: a row written together with what it tells of, and sent by the worker afterwards."""

from typing import ClassVar

from django.db import models

from aim.ids import uuid7

LONGEST_ONCE = 200


class OutgoingMail(models.Model):
    """One mail to one address. The content is encrypted while it waits, and gone once it was sent or given up."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40)
    once = models.CharField(max_length=LONGEST_ONCE, null=True, unique=True)
    """What the mail may be sent for only once, such as an entry and an address; None for those that may be repeated."""
    recipient = models.EmailField(max_length=254)
    subject = models.CharField(max_length=300)
    content = models.TextField(blank=True)
    message_id = models.CharField(max_length=200, unique=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["next_try_at"], condition=models.Q(status="waiting"), name="mail_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}: {self.status}"
