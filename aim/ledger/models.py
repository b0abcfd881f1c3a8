"""The record of what happened: rows that are only ever added.

The table is partitioned by month over the UUIDv7 key, and triggers refuse UPDATE, DELETE and TRUNCATE. One change
alone is let through: the disclosures of an entry may be erased.
"""

from django.db import models
from django.db.models.functions import Now

from aim.ids import uuid7


class Entry(models.Model):
    """One event. `body` holds its canonical JSON (RFC 8785); the columns beside it only help to find it.

    `disclosures` holds the clear values behind the commitments in the body, with their salts; NULL once they are
    erased, and in entries of the first version, which have no commitments.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=100)
    subject_id = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())
    body = models.BinaryField()
    disclosures = models.BinaryField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
