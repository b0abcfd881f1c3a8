"""What people find in their notifications centre."""

from typing import ClassVar

from django.db import models

from aim.ids import IdKind, show_id, uuid7


class Notification(models.Model):
    """One line for one person in one organization, derived from the ledger by the follower `notifications`.

    As long as it is not read, more of the same kind and topic count up in it and give it a new id: whoever marks it as
    read has seen all of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=64)
    """The code of an `accounts.alerts.AlertKind`."""
    topic = models.CharField(max_length=128)
    entry_id = models.UUIDField()
    """The newest entry that it tells of, whose words it has."""
    seq = models.BigIntegerField()
    """The place of that entry in the ledger."""
    text = models.CharField(max_length=500)
    path = models.CharField(max_length=300)
    count = models.PositiveIntegerField(default=1)
    happened_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["membership", "-id"], name="notification_by_person"),
            models.Index(fields=["membership", "-id"], condition=models.Q(read_at=None), name="notification_unread"),
            models.Index(fields=["-seq"], name="notification_by_seq"),
            models.Index(fields=["entry_id"], name="notification_by_entry"),
            models.Index(fields=["happened_at"], name="notification_by_age"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["topic", "kind", "membership"],
                condition=models.Q(read_at=None),
                name="notification_one_unread_a_topic",
            )
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def public_id(self) -> str:
        return show_id(IdKind.NOTIFICATION, self.id)
