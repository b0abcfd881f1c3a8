"""Reports as they are asked for and made, and the certificates that organizations sign them with."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from aim.ids import IdKind, show_id, uuid7


class Report(models.Model):
    """One file. While it is made, `progress` and `step` say how far it is; `content` is what is handed out."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Form(models.TextChoices):
        PDF = "pdf", _("PDF (with digital signature)")
        JSON = "json", "JSON"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    subject_id = models.UUIDField(null=True)
    """What it is about, such as a server; None where it is about the organization."""
    options = models.JSONField(default=dict)
    form = models.CharField(max_length=8, choices=Form.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(default=0)
    """Per cent."""
    step = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    content = models.BinaryField(null=True)
    content_type = models.CharField(max_length=60, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    asked_by_id = models.UUIDField(null=True)
    asked_by = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "kind", "subject_id", "-id"], name="report_by_subject"),
            models.Index(
                fields=["created_at"], condition=models.Q(state__in=["waiting", "running"]), name="report_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def public_id(self) -> str:
        return show_id(IdKind.REPORT_FILE, self.id)

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.WAITING, self.State.RUNNING}


class SigningCertificate(models.Model):
    """An organization's own authority and the certificate that it signs reports with; private keys are encrypted."""

    organization_id = models.UUIDField(primary_key=True)
    authority_pem = models.TextField()
    authority_key = models.BinaryField()
    """PKCS #8 in DER form, encrypted by `aim.encryption`."""
    certificate_pem = models.TextField()
    certificate_key = models.BinaryField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    renewed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.organization_id)
