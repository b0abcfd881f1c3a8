"""What a server offers beside its tools: its word to models, its resources and its prompts, each pinned."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import MD5
from django.utils.translation import gettext_lazy as _

from aim.ids import IdKind, show_id, uuid7


class Offering(models.Model):
    """One of them, as it was when it was first seen or last approved."""

    class Kind(models.TextChoices):
        INSTRUCTIONS = "instructions", _("Instructions")
        RESOURCE = "resource", _("Resource")
        PROMPT = "prompt", _("Prompt")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.ForeignKey("mcp.McpServer", on_delete=models.CASCADE, related_name="offerings")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.TextField()
    """A resource's URI, a prompt's name; empty for the instructions, of which a server has one."""
    definition = models.JSONField()
    definition_digest = models.BinaryField(max_length=32)
    """SHA-256 of the RFC 8785 form of the definition that is pinned."""
    offered = models.JSONField(null=True)
    """What the server offers now, where that differs from what is pinned."""
    drift = models.JSONField(default=list)
    """The kinds of the difference (`mcp.drift`), or what was remarkable when it was first seen."""
    severity = models.CharField(max_length=16, blank=True)
    present = models.BooleanField(default=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        constraints: ClassVar = [
            # A URI may be longer than an index takes.
            models.UniqueConstraint("server", "kind", MD5("name"), name="offering_once_per_server")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.MCP_OFFERING, self.id)
