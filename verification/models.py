"""What was decided: one row a decision, written by the writer only, together with its ledger entry of the same id."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, HashIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from aim.ids import IdKind, show_id, uuid7
from verification.approvals import models as _models_of_approvals  # noqa: F401 - Django finds them by this module


class Verification(models.Model):
    """A decision, in the columns that lists filter by. Its full record is the ledger entry with the same id.

    The table is partitioned by month over the UUIDv7 key; `agent_id` and `organization_id` are plain columns so that
    the decision pays for no foreign key checks.
    """

    class Status(models.TextChoices):
        APPROVED = "approved"
        PENDING = "pending"
        DENIED = "denied"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    agent_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=Status.choices)
    code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    action_type = models.CharField(max_length=100)
    resource = models.TextField()
    user_id = models.TextField(blank=True)
    session_id = models.TextField(blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    duration_us = models.PositiveIntegerField()
    request_digest = models.BinaryField(max_length=32)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="verification_by_organization"),
            models.Index(fields=["agent_id", "-id"], name="verification_by_agent"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return show_id(IdKind.VERIFICATION, self.id)


class Document(models.Model):
    """The words of a decision, to find it by; derived from the ledger by the follower `documents`."""

    verification_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    words = SearchVectorField()

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["words"], name="document_words")]

    def __str__(self) -> str:
        return str(self.verification_id)


class Completion(models.Model):
    """What the agent reported of an approved action. The primary key makes it happen once."""

    class Status(models.TextChoices):
        SUCCESS = "success"
        FAILURE = "failure"

    verification_id = models.UUIDField(primary_key=True)
    agent_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=Status.choices)
    duration_ms = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField(null=True)
    records = models.PositiveBigIntegerField(null=True)
    error = models.TextField(blank=True)
    completed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.verification_id}: {self.status}"


class Nonce(models.Model):
    """A nonce an agent has used, with the decision it led to. Kept for longer than any signature is valid."""

    pk = models.CompositePrimaryKey("agent_id", "digest")
    agent_id = models.UUIDField()
    digest = models.BinaryField(max_length=16)
    request_digest = models.BinaryField(max_length=32)
    verification_id = models.UUIDField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="nonce_by_expiry")]

    def __str__(self) -> str:
        return str(self.verification_id)


class Policy(models.Model):
    """A rule of the organization over its agents' actions. What it says is in its versions.

    `proposed_change` waits for a second person, where the organization wants one.
    """

    class Change(models.TextChoices):
        ACTIVATE = "activate"
        RETIRE = "retire"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=200)
    proposed_change = models.CharField(max_length=16, choices=Change.choices, blank=True)
    proposed_version = models.PositiveIntegerField(null=True)
    proposed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="policy_name_once_per_organization")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.POLICY, self.id)


class PolicyVersion(models.Model):
    """What a policy said at one time. `document` and `number` never change: a trigger sees to that."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SHADOW = "shadow", _("Shadow")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    document = models.JSONField()
    note = models.TextField(blank=True)
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    author_label = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    state_changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_once"),
            models.UniqueConstraint(
                fields=["policy"], condition=models.Q(state="active"), name="policy_one_active_version"
            ),
            models.UniqueConstraint(
                fields=["policy"], condition=models.Q(state="shadow"), name="policy_one_shadow_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} version {self.number}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.POLICY_VERSION, self.id)


class DataClass(models.Model):
    """A kind of data that policies go by, such as `sensitive`: the resources that hold it, by pattern."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="data_classes")
    name = models.CharField(max_length=50)
    description = models.TextField(blank=True)
    patterns = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "data classes"
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="data_class_name_once_per_organization")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.DATA_CLASS, self.id)


class ClassifiedDecision(models.Model):
    """That a decision was about a class of data; derived from the ledger by the follower `data_classes`.

    No foreign keys: a decision may leave by months, and a class of a million decisions is deleted at once.
    """

    pk = models.CompositePrimaryKey("data_class_id", "verification_id")
    data_class_id = models.UUIDField()
    verification_id = models.UUIDField()

    class Meta:
        # In no order: an ordered one would be taken for the newest of a class, and gone through for a rare one.
        indexes: ClassVar = [HashIndex(fields=["verification_id"], name="classified_by_one_decision")]

    def __str__(self) -> str:
        return f"{self.data_class_id} {self.verification_id}"


class PolicyBook(models.Model):
    """How often what an organization's policies read has changed: processes keep them compiled by this number."""

    organization = models.OneToOneField(
        "accounts.Organization", primary_key=True, on_delete=models.CASCADE, related_name="policy_book"
    )
    generation = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.organization_id} at generation {self.generation}"


class Containment(models.Model):
    """Something that no agent of the organization may come from, act for or reach, whatever else would allow it."""

    class Kind(models.TextChoices):
        ADDRESS = "address"
        USER = "user"
        SESSION = "session"
        DESTINATION = "destination"
        RESOURCE = "resource"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="containments")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    pattern = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.pattern}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.CONTAINMENT, self.id)


class BehaviourProfile(models.Model):
    """What is usual for an agent, as `verification.behaviour.profile` keeps it; `version` rises with each change."""

    agent_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    version = models.BigIntegerField(default=1)
    profile = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.agent_id} at version {self.version}"


class VerificationSettings(models.Model):
    """How an organization wants its agents' decisions made, as far as it differs from the defaults."""

    class Effect(models.TextChoices):
        OFF = "off"
        REQUIRE_APPROVAL = "require_approval"
        DENY = "deny"

    organization = models.OneToOneField(
        "accounts.Organization", primary_key=True, on_delete=models.CASCADE, related_name="verification_settings"
    )
    anomaly_effect = models.CharField(max_length=20, choices=Effect.choices, default=Effect.REQUIRE_APPROVAL)
    anomaly_threshold = models.PositiveSmallIntegerField(default=80)
    proposed = models.JSONField(default=dict)
    """What one person asked for and a second has not agreed to yet, by field; empty where nothing waits."""
    proposed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "verification settings"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(anomaly_threshold__gte=1, anomaly_threshold__lte=100),
                name="anomaly_threshold_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"Verification settings of {self.organization_id}"


class DecisionCount(models.Model):
    """How many decisions of one kind fell into one period, and how long they took.

    Derived from the ledger by the follower `statistics`. `latency` counts by the bounds of
    `verification.statistics.buckets`.
    """

    class Granularity(models.TextChoices):
        MINUTE = "minute"
        HOUR = "hour"
        DAY = "day"

    organization_id = models.UUIDField()
    granularity = models.CharField(max_length=6, choices=Granularity.choices)
    period = models.DateTimeField()
    """Its start, in UTC."""
    action_type = models.CharField(max_length=100)
    status = models.CharField(max_length=16, choices=Verification.Status.choices)
    code = models.CharField(max_length=40, blank=True)
    count = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    latency = ArrayField(models.IntegerField())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.period} {self.status}: {self.count}"


class Rollup(DecisionCount):
    """The counts of each agent by itself."""

    pk = models.CompositePrimaryKey(
        "organization_id", "granularity", "period", "agent_id", "action_type", "status", "code"
    )
    agent_id = models.UUIDField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["granularity", "period"], name="rollup_by_age")]


class TotalRollup(DecisionCount):
    """The counts of all agents of an organization together: the sums of `Rollup`, in far fewer rows, kept with it."""

    pk = models.CompositePrimaryKey("organization_id", "granularity", "period", "action_type", "status", "code")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["granularity", "period"], name="totalrollup_by_age")]


class PolicyRollup(models.Model):
    """How often one version of a policy applied to one agent's decisions within one period, and what it said.

    Derived from the ledger by the follower `matches`. `latest` are the newest of these decisions.
    """

    class Granularity(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    pk = models.CompositePrimaryKey("policy_id", "granularity", "period", "version", "shadow", "effect", "agent_id")
    organization_id = models.UUIDField()
    policy_id = models.UUIDField()
    granularity = models.CharField(max_length=6, choices=Granularity.choices)
    period = models.DateTimeField()
    """Its start, in UTC."""
    version = models.IntegerField()
    shadow = models.BooleanField()
    effect = models.CharField(max_length=20)
    agent_id = models.UUIDField()
    count = models.BigIntegerField()
    latest = ArrayField(models.UUIDField())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["granularity", "period"], name="policyrollup_by_age")]

    def __str__(self) -> str:
        return f"{self.period} version {self.version}: {self.count}"
