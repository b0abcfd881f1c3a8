"""What makes a request that is sent twice happen once."""

from typing import ClassVar

from django.db import models


class IdempotencyKey(models.Model):
    """The key that a person gave a registration, so that the same request sent again does not register once more.

    `digest` is the SHA-256 of what was asked for. Kept as long as the agent is.
    """

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    agent = models.ForeignKey("agents.Agent", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person", "key"], name="idempotency_key_once_per_person")
        ]

    def __str__(self) -> str:
        return self.key
