"""What members ask for: an agent that they may not register themselves."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from aim.ids import IdKind, show_id, uuid7


class AgentRequest(models.Model):
    """A wish for an agent. It ends by the registration of one, or by somebody's word."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        REGISTERED = "registered", _("Registered")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    display_name = models.CharField(max_length=200)
    purpose = models.TextField()
    capabilities = models.JSONField(default=list)
    """Codes of the catalogue."""
    resource_scope = models.JSONField(default=list)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    agent = models.ForeignKey("agents.Agent", null=True, on_delete=models.SET_NULL, related_name="+")
    """What was registered for it."""
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="agent_request_by_organization"),
            models.Index(
                fields=["organization", "requested_by"],
                condition=models.Q(status="open"),
                name="agent_request_open",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def public_id(self) -> str:
        return show_id(IdKind.AGENT_REQUEST, self.id)

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN
