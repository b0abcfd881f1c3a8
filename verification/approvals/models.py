"""What waits for approval, what was said of it, and what was granted by it."""

from typing import ClassVar

from django.db import models

from aim.ids import IdKind, show_id, uuid7


class Approval(models.Model):
    """A pending decision that others must decide: it has the id of its verification, and is written with it.

    `requirements` must each be met by votes; `checks` are those that asked for them. `request_digest` is that of the
    agent, the action, the resource and the parameters that are agreed to.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DENIED = "denied"
        EXPIRED = "expired"
        WITHDRAWN = "withdrawn"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, editable=False)
    organization_id = models.UUIDField()
    agent_id = models.UUIDField()
    action_type = models.CharField(max_length=100)
    request_digest = models.BinaryField(max_length=32)
    requirements = models.JSONField()
    checks = models.JSONField()
    agents_only = models.BooleanField()
    status = models.CharField(max_length=16, choices=Status.choices)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="approval_by_organization"),
            models.Index(fields=["organization_id", "settled_at"], name="approval_by_settlement"),
            models.Index(fields=["agent_id", "-id"], name="approval_by_agent"),
            models.Index(
                fields=["expires_at"], condition=models.Q(status="pending"), name="approval_pending_by_expiry"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return show_id(IdKind.APPROVAL, self.id)


class ApprovalVote(models.Model):
    """What one approver said, once. Whether it counts is asked when votes are counted: rights may end meanwhile."""

    class Mode(models.TextChoices):
        ONCE = "once"
        FOR = "for"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="votes")
    voter_kind = models.CharField(max_length=16)
    voter_id = models.UUIDField()
    voter_label = models.CharField(max_length=254)
    agrees = models.BooleanField()
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.ONCE)
    seconds = models.PositiveIntegerField(null=True)
    pattern = models.TextField(blank=True)
    note = models.TextField(blank=True)
    voted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["approval", "voter_kind", "voter_id"], name="approval_vote_once")
        ]

    def __str__(self) -> str:
        return f"{self.voter_label}: {'agrees' if self.agrees else 'denies'}"


class Grant(models.Model):
    """Leave given in advance for a short time: it answers the same checks and policies, of the same versions.

    `resource` is one resource, or a pattern where `is_pattern`. `covers` lists policy ids with their versions.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    agent = models.ForeignKey("agents.Agent", on_delete=models.CASCADE, related_name="grants")
    approval = models.OneToOneField(Approval, on_delete=models.CASCADE, related_name="grant")
    action_type = models.CharField(max_length=100)
    resource = models.TextField()
    is_pattern = models.BooleanField()
    mcp_server = models.TextField(blank=True)
    tool = models.TextField(blank=True)
    checks = models.JSONField()
    covers = models.JSONField()
    granted_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoke_reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="grant_by_organization"),
            models.Index(fields=["agent"], condition=models.Q(revoked_at=None), name="grant_standing_by_agent"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return show_id(IdKind.GRANT, self.id)


class Deadlock(models.Model):
    """Agents that wait for each other's approval in a circle. `agents` and `approvals` are in the order of waiting."""

    class Outcome(models.TextChoices):
        RESOLVED = "resolved"
        DISSOLVED = "dissolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    agents = models.JSONField()
    approvals = models.JSONField()
    suggested_approval_id = models.UUIDField()
    suggestion = models.TextField()
    detected_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["organization_id", "-id"], name="deadlock_by_organization")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return show_id(IdKind.DEADLOCK, self.id)
