"""The registry: agents, what they may do, and the keys that prove who they are."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Concat, Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from agents import idempotency as _idempotency  # noqa: F401 - Django finds its model by this module
from agents.requests import models as _models_of_requests  # noqa: F401 - Django finds them by this module
from aim.ids import IdKind, show_id, uuid7


class AgentStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    VERIFIED = "verified", _("Verified")
    SUSPENDED = "suspended", _("Suspended")
    REVOKED = "revoked", _("Revoked")


class AgentType(models.TextChoices):
    AI_AGENT = "ai_agent", _("AI Agent")
    MCP_SERVER = "mcp_server", _("MCP Server")


class VerificationMethod(models.TextChoices):
    CHALLENGE = "challenge"
    ATTESTATION = "attestation"


class Agent(models.Model):
    """A program that asks before it acts. Every change of a row here also raises `AgentRuntime.epoch`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="agents")
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    display_name = models.CharField(max_length=200)
    agent_type = models.CharField(max_length=16, choices=AgentType.choices)
    version = models.CharField(max_length=50)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=AgentStatus.choices, default=AgentStatus.PENDING)
    status_reason = models.TextField(blank=True)
    verification_method = models.CharField(max_length=16, choices=VerificationMethod.choices, blank=True)
    verified_at = models.DateTimeField(null=True)
    verification_url = models.TextField(blank=True)
    """Where the agent signs challenges, if it has such a place."""

    capabilities = models.JSONField(default=list)
    resource_scope = models.JSONField(default=list)
    access_scope_kind = models.CharField(max_length=16, default="organization")
    access_scope_ids = models.JSONField(default=list)
    calls_per_hour = models.PositiveIntegerField()
    bytes_per_day = models.PositiveBigIntegerField()
    allowed_ip_ranges = models.JSONField(default=list)
    require_approval = models.JSONField(default=list)
    auto_deny = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    require_signature = models.BooleanField(default=False)
    min_trust = models.PositiveSmallIntegerField(default=70)
    auto_suspend_below = models.PositiveSmallIntegerField(default=50)
    config_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # What people search in, folded once at each change instead of at each search.
    search_text = models.GeneratedField(
        expression=Lower(
            Concat("name", Value(" "), "display_name", Value(" "), "description", output_field=models.TextField())
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="agent_by_organization"),
            models.Index(fields=["organization", "created_at"], name="agent_by_registration"),
            models.Index(fields=["organization", "status", "id"], name="agent_by_status"),
            models.Index("organization", Lower("display_name"), "id", name="agent_by_display_name"),
            models.Index(fields=["organization", "owner", "id"], name="agent_by_owner"),
            models.Index(fields=["organization", "version", "id"], name="agent_by_version"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="agent_name_once_per_organization"),
            models.CheckConstraint(condition=models.Q(min_trust__lte=100), name="agent_min_trust_at_most_100"),
            models.CheckConstraint(
                condition=models.Q(auto_suspend_below__lte=models.F("min_trust")), name="agent_suspends_below_min_trust"
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.AGENT, self.id)


TRUST_ORDER = Coalesce("trust_score", Value(-1), output_field=models.DecimalField(max_digits=5, decimal_places=2))
"""A score that sorts: an agent without one comes before all others."""


class AgentRuntime(models.Model):
    """The one row that decisions and changes of an agent meet on.

    A decision commits only while `epoch` and `trust_score` are those it was made from, and counts itself here in
    the same transaction; whoever changes anything that a decision reads raises `epoch`. So no approval can be
    committed after the change was.
    """

    agent = models.OneToOneField(Agent, primary_key=True, on_delete=models.CASCADE, related_name="runtime")
    organization_id = models.UUIDField()
    epoch = models.BigIntegerField(default=1)
    trust_score = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    calls_hour = models.DateTimeField(null=True)
    # Plain integers: a CHECK constraint would be read anew at every one of the many updates.
    calls_used = models.IntegerField(default=0)
    bytes_day = models.DateField(null=True)
    bytes_used = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id"], name="runtime_by_organization"),
            # For the registry's order by trust. The score changes seldom, so that updates stay within their page.
            models.Index("organization_id", TRUST_ORDER, "agent_id", name="runtime_by_trust"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} at epoch {self.epoch}"


class AgentStanding(models.Model):
    """What agents are counted by, in one narrow row each.

    The database's own triggers write it with whatever changes an agent, its trust or its active key, in the same
    transaction; the product only reads it. `key_type` is empty for an agent without an active key.
    """

    agent_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=AgentStatus.choices)
    agent_type = models.CharField(max_length=16)
    key_type = models.CharField(max_length=16, blank=True)
    owner_id = models.UUIDField(null=True)
    require_signature = models.BooleanField()
    min_trust = models.PositiveSmallIntegerField()
    trust_score = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    trust = models.GeneratedField(
        expression=models.Case(
            models.When(trust_score=None, then=Value("none")),
            models.When(trust_score__gte=models.F("min_trust"), then=Value("enough")),
            default=Value("low"),
        ),
        output_field=models.CharField(max_length=8),
        db_persist=True,
    )
    """Against the agent's own minimum, in the words of the registry's filter."""
    capabilities = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id"], name="standing_by_organization")]

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.status}"


class AgentKind(models.Model):
    """What agents are counted by and found by: the columns that such tables have in common."""

    organization_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=AgentStatus.choices)
    agent_type = models.CharField(max_length=16)
    trust = models.CharField(max_length=8)
    """Against the agent's own minimum: none, enough or low."""
    key_type = models.CharField(max_length=16, blank=True)
    owner_id = models.UUIDField(null=True)

    class Meta:
        abstract = True


class AgentTally(AgentKind):
    """How many agents of each kind there are: the sum of `count` over the rows of a kind, which may be many.

    The database's own triggers add +1 for what a standing becomes and -1 for what it was, in the same transaction, so
    that no two changes wait for one shared row; `agents/services/tallies.py` folds them into one row a kind.
    """

    id = models.BigAutoField(primary_key=True)
    require_signature = models.BooleanField()
    count = models.IntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id"], name="tally_by_organization")]

    def __str__(self) -> str:
        return f"{self.status}: {self.count:+}"


class CapabilityTally(AgentKind):
    """As `AgentTally`, by all the capabilities that an agent has as well: for the counts of those that have some.

    A table of its own, because most counts do not ask for capabilities, and have fewer rows to add up without them.
    """

    id = models.BigAutoField(primary_key=True)
    capabilities = models.JSONField()
    count = models.IntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id"], name="capability_tally_by_org")]

    def __str__(self) -> str:
        return f"{self.status}, {self.capabilities}: {self.count:+}"


class AgentSearch(AgentKind):
    """What agents are found by, in one narrow row each, with the kind of each: found and counted in one scan.

    The same triggers write it, yet only where an agent changes its kind or its words: trust within its kind moves
    with decisions, and an index of text would be dear there.
    """

    agent_id = models.UUIDField(primary_key=True)
    text = models.TextField()
    """`Agent.search_text`."""
    capabilities = models.JSONField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id"], name="search_by_organization"),
            # Few rows are written, so that what is new is in the index at once and not collected beside it.
            GinIndex(fields=["text"], name="search_by_text", opclasses=["gin_trgm_ops"], fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.text


class ApiKey(models.Model):
    """A bearer secret of one agent: only its SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class PublicKey(models.Model):
    """A key an agent signs with; one that is proved but not active waits for a second admin.

    `thumbprint` is the RFC 7638 JWK thumbprint, `fingerprint` that of the DER.
    """

    class KeyType(models.TextChoices):
        ED25519 = "ed25519", "Ed25519"
        RSA = "rsa", "RSA"
        P256 = "ecdsa-p256", "ECDSA P-256"

    class Status(models.TextChoices):
        UNPROVED = "unproved", _("Unproved")
        PROVED = "proved", _("Proved")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="public_keys")
    key_type = models.CharField(max_length=16, choices=KeyType.choices)
    bits = models.PositiveSmallIntegerField()
    pem = models.TextField()
    fingerprint = models.CharField(max_length=95)
    thumbprint = models.CharField(max_length=43)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.UNPROVED)
    proposed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    proved_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # Few wait for their second admin, among all that were ever used.
            models.Index(fields=["id"], condition=models.Q(status="proved"), name="public_key_proved")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent"], condition=models.Q(status="active"), name="public_key_one_active_per_agent"
            ),
            models.UniqueConstraint(
                fields=["agent", "thumbprint"],
                condition=~models.Q(status="retired"),
                name="public_key_once_per_agent",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint


class Challenge(models.Model):
    """A statement that only the holder of a private key can sign; single use, short-lived."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="challenges")
    public_key = models.ForeignKey(PublicKey, on_delete=models.CASCADE, related_name="+")
    statement = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    steps = models.JSONField(default=list)
    """Where AIM asks at the verification URL: the steps of that, as `aim.outbound.steps` has them; else empty."""
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True)
    """When a worker began to ask at the verification URL."""

    class Meta:
        indexes: ClassVar = [
            # Of the few that wait for a worker, while those that came to an end are many.
            models.Index(fields=["expires_at"], condition=Q(used_at=None, asked_at=None), name="challenge_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def public_id(self) -> str:
        return show_id(IdKind.CHALLENGE, self.id)


class TrustEvent(models.Model):
    """One signed step of an agent's trust. Rows are only ever added: see `agents.trust` for what the signature covers.

    `number` counts from 1 for each agent. `entry_id` is the ledger entry that caused the step, `seq` its place in the
    ledger where a follower found it there. `agent_id` is a plain column, for the chain outlives the agent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    agent_id = models.UUIDField()
    number = models.PositiveIntegerField()
    cause = models.CharField(max_length=40)
    reason = models.TextField()
    delta = models.DecimalField(max_digits=5, decimal_places=2)
    score = models.DecimalField(max_digits=5, decimal_places=2)
    entry_id = models.UUIDField()
    seq = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    previous = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=32)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent_id", "number"], name="trust_event_numbered_once"),
            models.UniqueConstraint(fields=["agent_id", "entry_id"], name="trust_event_once_per_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.cause}: {self.delta:+} to {self.score}"


class TrustAccount(models.Model):
    """What is kept of an agent's trust between two events: the follower's counters, and whether the score is frozen.

    `progress` is whatever the follower that moves the score needs, `seq` the first place in the ledger that it has
    not written the chain from; neither is believed for a decision.
    """

    agent = models.OneToOneField(Agent, primary_key=True, on_delete=models.CASCADE, related_name="trust_account")
    progress = models.JSONField(default=dict)
    seq = models.BigIntegerField(default=0)
    frozen_at = models.DateTimeField(null=True)
    frozen_because = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.agent_id}, {'frozen' if self.frozen_at else 'open'}"
