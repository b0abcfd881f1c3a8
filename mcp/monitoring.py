"""What has been observed of MCP servers: their health, what concerns their security, and who uses them."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from aim.ids import IdKind, show_id, uuid7


class HealthSample(models.Model):
    """One health check. Kept for two weeks; the hours stay."""

    class Way(models.TextChoices):
        ENDPOINT = "endpoint", _("Health endpoint")
        HANDSHAKE = "handshake", _("MCP handshake")

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("Schedule")
        COMMAND = "command", _("Command")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="health_samples")
    at = models.DateTimeField()
    healthy = models.BooleanField()
    way = models.CharField(max_length=10, choices=Way.choices, blank=True)
    """What was asked; empty where the check was made before this was kept, or ended before anything was asked."""
    trigger = models.CharField(max_length=10, choices=Trigger.choices, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    """Of the health endpoint's answer; of a handshake only where it was refused. None where nothing was answered."""
    response_ms = models.FloatField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["server", "-at"], name="health_sample_by_server")]

    def __str__(self) -> str:
        return f"{self.server_id} {self.at}"

    @property
    def result(self) -> str:
        """`healthy` or `unhealthy`, as `mcp.models.Health` calls them."""
        return "healthy" if self.healthy else "unhealthy"


class HealthHour(models.Model):
    """The health checks of an hour, for uptime over months."""

    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="health_hours")
    hour = models.DateTimeField()
    checks = models.PositiveIntegerField(default=0)
    healthy = models.PositiveIntegerField(default=0)
    response_ms = models.FloatField(default=0)
    """The sum over the healthy checks."""

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["server", "hour"], name="health_hour_once")]

    def __str__(self) -> str:
        return f"{self.server_id} {self.hour}"


class SecurityEvent(models.Model):
    """What concerns a server's security, each with the ledger entry that records it."""

    class Severity(models.TextChoices):
        CRITICAL = "critical", _("Critical")
        HIGH = "high", _("High")
        MEDIUM = "medium", _("Medium")
        LOW = "low", _("Low")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="security_events")
    kind = models.CharField(max_length=40)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    text = models.TextField()
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["server", "-id"], name="security_event_by_server")]

    def __str__(self) -> str:
        return self.text

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_EVENT, self.id)


class AgentUse(models.Model):
    """What an agent has done through a server in an hour, counted by a follower from decisions and completions."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="uses")
    agent_id = models.UUIDField()
    hour = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)
    approved = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    duration_ms = models.FloatField(default=0)
    """The sum of what completions reported."""
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["server", "agent_id", "hour"], name="agent_use_once")]
        indexes: ClassVar = [models.Index(fields=["agent_id", "server", "hour"], name="agent_use_by_agent")]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.hour}"


class AgentToolUse(models.Model):
    """How often an agent has asked for a tool, counted by the same follower.

    Tools that their server does not offer are counted nowhere: their names are the agent's own, and without end.
    """

    tool = models.ForeignKey("mcp.Tool", on_delete=models.CASCADE, related_name="uses")
    agent_id = models.UUIDField()
    requests = models.PositiveIntegerField(default=0)
    approved = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["agent_id", "tool"], name="agent_tool_use_once")]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.tool_id}"
