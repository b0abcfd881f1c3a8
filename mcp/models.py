"""MCP servers: where they are, how they are called, the keys that prove them, and the tools they offer."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from aim.ids import IdKind, show_id, uuid7
from mcp.certificates import Ending, ending_of
from mcp.decision_models import ServerBook, ServerRate
from mcp.monitoring import AgentToolUse, AgentUse, HealthHour, HealthSample, SecurityEvent
from mcp.offering_models import Offering
from mcp.run_models import ServerChallenge, VerificationRun

__all__ = [
    "AgentToolUse",
    "AgentUse",
    "AuthMethod",
    "Certificate",
    "Credential",
    "DriftResponse",
    "Health",
    "HealthHour",
    "HealthSample",
    "KeyRotation",
    "McpServer",
    "Offering",
    "Protocol",
    "SecurityEvent",
    "ServerBook",
    "ServerChallenge",
    "ServerKey",
    "ServerRate",
    "ServerStatus",
    "Tool",
    "ToolChange",
    "VerificationRun",
    "VerificationStatus",
]


class ServerStatus(models.TextChoices):
    """Whether agents may use the server, as people have decided or its failures have."""

    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    RETIRED = "retired", _("Retired")


class VerificationStatus(models.TextChoices):
    """What the last verification run has shown."""

    UNVERIFIED = "unverified", _("Unverified")
    VERIFIED = "verified", _("Verified")
    FAILED = "failed", _("Failed")


class Health(models.TextChoices):
    """What the last health check has shown."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class AuthMethod(models.TextChoices):
    NONE = "none", _("None")
    API_KEY = "api_key", _("API Key")
    OAUTH2 = "oauth2", _("OAuth 2.0")
    MTLS = "mtls", _("Mutual TLS")
    HMAC = "hmac", _("HMAC Signature")


class Protocol(models.TextChoices):
    AUTOMATIC = "auto", _("Newest that the server speaks")
    V2026_07_28 = "2026-07-28", "MCP 2026-07-28"
    V2025_11_25 = "2025-11-25", "MCP 2025-11-25"


class DriftResponse(models.TextChoices):
    """What happens when a tool is no longer what was approved."""

    ALERT = "alert", _("Alert")
    HOLD = "hold", _("Hold the tool")
    SUSPEND = "suspend", _("Suspend the server")


class McpServer(models.Model):
    """A server whose tools agents call. What a decision reads of it is found out of date by `ServerBook`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="mcp_servers")
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    display_name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    version = models.CharField(max_length=50)
    url = models.TextField()
    protocol = models.CharField(max_length=16, choices=Protocol.choices, default=Protocol.AUTOMATIC)
    health_endpoint = models.TextField(blank=True)
    verification_url = models.TextField(blank=True)
    timeout_seconds = models.PositiveSmallIntegerField(default=30)
    auth_method = models.CharField(max_length=16, choices=AuthMethod.choices, default=AuthMethod.NONE)
    ca_certificate = models.TextField(blank=True)

    allowed_ip_ranges = models.JSONField(default=list)
    allowed_agents = models.JSONField(default=list)
    """The ids of the agents that may call it; empty means all verified agents."""
    rate_per_minute = models.PositiveIntegerField(default=100)
    verify_signature = models.BooleanField(default=True)
    verify_tls = models.BooleanField(default=True)
    verify_health = models.BooleanField(default=True)
    verify_capabilities = models.BooleanField(default=True)
    reverify_hours = models.PositiveSmallIntegerField(default=24)
    failure_threshold = models.PositiveSmallIntegerField(default=3)
    auto_suspend = models.BooleanField(default=True)
    notify_on_failure = models.BooleanField(default=True)
    drift_response = models.CharField(max_length=16, choices=DriftResponse.choices, default=DriftResponse.HOLD)
    rotation_days = models.PositiveSmallIntegerField(default=90)
    config_version = models.PositiveIntegerField(default=1)

    status = models.CharField(max_length=16, choices=ServerStatus.choices, default=ServerStatus.ACTIVE)
    status_reason = models.TextField(blank=True)
    verification = models.CharField(
        max_length=16, choices=VerificationStatus.choices, default=VerificationStatus.UNVERIFIED
    )
    trust_score = models.PositiveSmallIntegerField(null=True)
    last_verified_at = models.DateTimeField(null=True)
    next_verification_at = models.DateTimeField(null=True)
    consecutive_failures = models.PositiveSmallIntegerField(default=0)
    suspended_by_failures = models.BooleanField(default=False)
    """Suspended by its failures or its certificate, and not by a person: a good run may bring it back."""
    tls_version = models.CharField(max_length=16, blank=True)
    health = models.CharField(max_length=16, choices=Health.choices, default=Health.UNKNOWN)
    last_health_at = models.DateTimeField(null=True)
    next_health_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="mcp_server_by_organization"),
            models.Index("organization", Lower("display_name"), "id", name="mcp_server_by_display_name"),
            models.Index(fields=["next_verification_at"], name="mcp_server_due"),
            models.Index(fields=["next_health_at"], name="mcp_server_health_due"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint("organization", Lower("name"), name="mcp_server_name_once_per_org")
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_SERVER, self.id)

    @property
    def is_trusted(self) -> bool:
        """Whether calls through it may be approved: in use, and verified as it is now."""
        return self.status == ServerStatus.ACTIVE and self.verification == VerificationStatus.VERIFIED

    @property
    def shown_trust(self) -> int | None:
        """The score in percent that the last good run gave, or None while it does not hold."""
        return self.trust_score if self.is_trusted else None


class ServerKey(models.Model):
    """A key a server signs with. During a rollover two are accepted: the active one, and the one that is leaving."""

    class Status(models.TextChoices):
        UNPROVED = "unproved", _("Unproved")
        ACTIVE = "active", _("Active")
        LEAVING = "leaving", _("Leaving")
        RETIRED = "retired", _("Retired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="keys")
    key_type = models.CharField(max_length=16)
    bits = models.PositiveSmallIntegerField()
    pem = models.TextField()
    fingerprint = models.CharField(max_length=95)
    thumbprint = models.CharField(max_length=43)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.UNPROVED)
    proposed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    proved_at = models.DateTimeField(null=True)
    leaves_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["server"], condition=models.Q(status="active"), name="server_key_one_active"
            ),
            models.UniqueConstraint(
                fields=["server"], condition=models.Q(status="leaving"), name="server_key_one_leaving"
            ),
            models.UniqueConstraint(
                fields=["server", "thumbprint"],
                condition=~models.Q(status="retired"),
                name="server_key_once_per_server",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_KEY, self.id)


class Tool(models.Model):
    """What a server offers, as it was when a person approved it; nothing is callable before that."""

    class Permission(models.TextChoices):
        AUTOMATIC = "auto", _("Auto-approved")
        APPROVAL = "approval", _("Requires approval")
        BLOCKED = "blocked", _("Blocked")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=200)
    definition = models.JSONField()
    definition_digest = models.BinaryField(max_length=32)
    """SHA-256 of the RFC 8785 form of the definition that is approved."""
    offered = models.JSONField(null=True)
    """What the server offers now, where that differs from what is approved."""
    risk = models.CharField(max_length=16, default="medium")
    enabled = models.BooleanField(default=False)
    permission = models.CharField(max_length=16, choices=Permission.choices, default=Permission.APPROVAL)
    held_reason = models.TextField(blank=True)
    present = models.BooleanField(default=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["server", "name"], name="tool_name_once_per_server")]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_TOOL, self.id)


class Credential(models.Model):
    """What AIM shows to a server to be let in. The secret is encrypted under the master keys and never shown again."""

    server = models.OneToOneField(McpServer, primary_key=True, on_delete=models.CASCADE, related_name="credential")
    method = models.CharField(max_length=16, choices=AuthMethod.choices)
    encrypted = models.BinaryField()
    """Encrypted JSON of the method's secret fields (`aim.encryption`)."""
    shown = models.JSONField(default=dict)
    """What may be shown of it: a client's id, a header's name, a certificate's fingerprint and end."""
    expires_at = models.DateTimeField(null=True)
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.method} of {self.server_id}"


class Certificate(models.Model):
    """A certificate that a server has shown, or that AIM shows to it, with the alerts that were given for it."""

    class Role(models.TextChoices):
        SERVER = "server", _("Server")
        CLIENT = "client", _("Client")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="certificates")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.SERVER)
    fingerprint = models.CharField(max_length=95)
    """SHA-256 of the DER form, hexadecimal with colons."""
    subject = models.TextField()
    issuer = models.TextField()
    names = models.JSONField(default=list)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    pem = models.TextField()
    current = models.BooleanField(default=True)
    alerts = models.JSONField(default=list)
    """The alerts given so far, of "30", "7" and "0" days before the end."""
    first_seen_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-last_seen_at"]
        indexes: ClassVar = [
            models.Index(fields=["not_after"], condition=models.Q(current=True), name="certificate_ends")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["server", "role"], condition=models.Q(current=True), name="certificate_one_current"
            ),
            models.UniqueConstraint(fields=["server", "role", "fingerprint"], name="certificate_once"),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def ending(self) -> Ending:
        """How near its end is now."""
        return ending_of(self.not_after)


class KeyRotation(models.Model):
    """The change from one key of a server to the next."""

    class Method(models.TextChoices):
        IMMEDIATE = "immediate", _("Immediate rotation")
        GRADUAL = "gradual", _("Gradual rollover")

    class State(models.TextChoices):
        CONFIRMING = "confirming", _("Waiting for the old key's proof or a second admin")
        PROVING = "proving", _("Waiting for the proof of the new key")
        ROLLING = "rolling", _("Rollover in progress")
        COMPLETED = "completed", _("Completed")
        ABANDONED = "abandoned", _("Abandoned")

    class Completion(models.TextChoices):
        IMMEDIATE = "immediate", _("Immediate rotation")
        AUTOMATIC = "automatic", _("End of the rollover")
        EARLY = "early", _("Completed early")
        REVOKED = "revoked", _("Old key revoked")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="rotations")
    old_key = models.ForeignKey(ServerKey, null=True, on_delete=models.PROTECT, related_name="+")
    new_key = models.ForeignKey(ServerKey, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=12, choices=Method.choices, default=Method.GRADUAL)
    days = models.PositiveSmallIntegerField(default=7)
    verification_url = models.TextField(blank=True)
    """The new address of the verification, where it changes with the key."""
    state = models.CharField(max_length=12, choices=State.choices, default=State.CONFIRMING)
    completion = models.CharField(max_length=12, choices=Completion.choices, blank=True)
    confirmed_how = models.CharField(max_length=16, blank=True)
    """`old_key` (it has signed the change) or `second_admin`."""
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.TextField(blank=True)
    reminders = models.JSONField(default=list)
    """The days of the rollover on which a reminder has been sent."""
    created_at = models.DateTimeField(auto_now_add=True)
    proved_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["ends_at"], condition=models.Q(state="rolling"), name="rotation_ends")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["server"],
                condition=models.Q(state__in=["confirming", "proving", "rolling"]),
                name="rotation_one_under_way",
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.state}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_ROTATION, self.id)


class ToolChange(models.Model):
    """A difference between what a tool was when it was approved and what the server offers now."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="changes")
    kinds = models.JSONField(default=list)
    """Of wording, schema, required_argument, annotation, address, instruction, hidden_unicode, rename, look_alike…"""
    severity = models.CharField(max_length=16)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    response = models.CharField(max_length=16, choices=DriftResponse.choices)
    found_at = models.DateTimeField(auto_now_add=True)
    resolution = models.CharField(max_length=16, blank=True)
    """`approved`, `rejected`, or `gone` where the server offers the approved form again."""
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return ", ".join(self.kinds)
