"""The record of what happened: rows that are only ever added.

The table is partitioned by month over the UUIDv7 key, and triggers refuse UPDATE, DELETE and TRUNCATE. One change
alone is let through: the disclosures of an entry may be erased.
"""

from django.db import models
from django.db.models.functions import Now

from aim.ids import IdKind, show_id, uuid7


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


class Leaf(models.Model):
    """The place of an entry in the one final order: dense from 0, given by the sequencer, never changed.

    `leaf` is SHA-256(0x00 ‖ body) (RFC 6962 section 2.1). There is no foreign key: it would cost the decision a lock.
    """

    seq = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    leaf = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["seq"]
        verbose_name_plural = "leaves"

    def __str__(self) -> str:
        return str(self.seq)


class Follower(models.Model):
    """How far a follower has come: everything up to and including `seq` is in what it derives.

    `erased_at` is when clear values were last erased: what was read ahead before that must be read again.
    """

    name = models.CharField(max_length=60, primary_key=True)
    seq = models.BigIntegerField(default=-1)
    updated_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SealKey(models.Model):
    """A key that signs checkpoints. The private half is encrypted at rest, and forgotten once the key is retired.

    All keys of a log share its name, so that checkpoints can be followed from one to the next.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=300)
    public_key = models.BinaryField(max_length=32, unique=True)
    private_key = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class Tile(models.Model):
    """256 hashes of the tree, all there and final. `root` is the hash over them, which the level above holds."""

    pk = models.CompositePrimaryKey("level", "number")
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField(max_length=8192)
    root = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["level", "number"]

    def __str__(self) -> str:
        return f"{self.level}/{self.number}"


class Checkpoint(models.Model):
    """A signed statement of the whole ledger up to some size. Numbered from 1 without a hole."""

    number = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    signed_at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} of {self.size}"


class Hold(models.Model):
    """A legal hold on the entries of one organization, or of all: they stay in the database until it is lifted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField(null=True)
    reason = models.TextField()
    placed_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return show_id(IdKind.HOLD, self.id)


class Delivery(models.Model):
    """How far checkpoints have left this machine by one channel: what arrived last, and what went wrong since."""

    channel = models.CharField(max_length=20, primary_key=True)
    number = models.BigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["channel"]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return self.channel
