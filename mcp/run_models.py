"""The runs that prove MCP servers, and what they are asked to sign."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from aim.ids import IdKind, show_id, uuid7


class VerificationRun(models.Model):
    """One run of the steps that prove a server, or of those that only test the connection."""

    class Purpose(models.TextChoices):
        VERIFICATION = "verification", _("Verification")
        NEW_KEY = "new_key", _("Proof of a new key")
        TEST = "test", _("Connection test")

    class Trigger(models.TextChoices):
        REGISTRATION = "registration", _("Registration")
        MANUAL = "manual", _("By a person")
        SCHEDULE = "schedule", _("Schedule")
        COMMAND = "command", _("Command")
        ROTATION = "rotation", _("Rotation")
        RENEWAL = "renewal", _("Renewed certificate")

    class Method(models.TextChoices):
        CHALLENGE = "challenge_response", _("Challenge-Response")
        CERTIFICATE = "certificate", _("Certificate")
        HEALTH = "health_check", _("Health Check")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        ABANDONED = "abandoned", _("Abandoned")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="runs")
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.VERIFICATION)
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    method = models.CharField(max_length=24, choices=Method.choices, default=Method.CHALLENGE)
    """The strongest proof the run asks for: of the key, else of the certificate, else of health alone."""
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    key = models.ForeignKey("mcp.ServerKey", null=True, on_delete=models.SET_NULL, related_name="runs")
    steps = models.JSONField(default=list)
    """In order: `{"name", "title", "result": waiting|running|passed|failed|skipped, "detail", "ms", "facts": {…}}`."""
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    protocol = models.CharField(max_length=16, blank=True)
    tls_version = models.CharField(max_length=16, blank=True)
    duration_ms = models.FloatField(null=True)
    response_ms = models.FloatField(null=True)
    """What the server itself took to answer the challenge, else the handshake."""
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["server", "-id"], name="run_by_server")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["server", "purpose"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="run_one_under_way",
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_RUN, self.id)


class ServerChallenge(models.Model):
    """A statement that a server is to sign: valid for 60 seconds, and once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(VerificationRun, on_delete=models.CASCADE, related_name="challenges")
    key = models.ForeignKey("mcp.ServerKey", on_delete=models.CASCADE, related_name="challenges")
    nonce = models.BinaryField(max_length=32, unique=True)
    statement = models.BinaryField()
    """The exact bytes to sign."""
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="server_challenge_ends")]

    def __str__(self) -> str:
        return str(self.id)
