"""What people report of agents, for those who handle it."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from aim.ids import IdKind, show_id, uuid7


class Report(models.Model):
    """Suspicious behaviour as somebody saw it. An escalated one is still to be decided."""

    class Severity(models.TextChoices):
        LOW = "low", _("Low")
        MEDIUM = "medium", _("Medium")
        HIGH = "high", _("High")
        CRITICAL = "critical", _("Critical")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ESCALATED = "escalated", _("Escalated")
        DISMISSED = "dismissed", _("Dismissed")
        ACTED_ON = "acted_on", _("Agent suspended")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    reported_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    agent = models.ForeignKey("agents.Agent", on_delete=models.CASCADE, related_name="+")
    verification_id = models.UUIDField(null=True)
    """The decision that it is about, if it is about one."""
    severity = models.CharField(max_length=16, choices=Severity.choices)
    text = models.TextField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="report_by_organization"),
            models.Index(
                fields=["organization", "status"],
                condition=models.Q(status__in=["open", "escalated"]),
                name="report_undecided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.severity}: {self.agent_id}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.REPORT, self.id)

    @property
    def shown_verification(self) -> str:
        return show_id(IdKind.VERIFICATION, self.verification_id) if self.verification_id else ""

    @property
    def is_undecided(self) -> bool:
        return self.status in UNDECIDED


UNDECIDED = (Report.Status.OPEN, Report.Status.ESCALATED)
