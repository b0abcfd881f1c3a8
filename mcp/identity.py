"""What is to be said of a server's keys: the one in charge, its age, and when it should be replaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aim import clock
from mcp.models import KeyRotation, McpServer, ServerKey

UNDER_WAY: Final = (KeyRotation.State.CONFIRMING, KeyRotation.State.PROVING, KeyRotation.State.ROLLING)
AGE_YELLOW, AGE_RED = 60, 90
"""Days from which a key's age is shown in yellow, and beyond which in red."""
_TYPES = {"ed25519": "Ed25519", "ecdsa-p256": "ECDSA P-256"}
_ALGORITHMS = {"ed25519": "Ed25519 (RFC 8032)", "ecdsa-p256": "ECDSA with SHA-256", "rsa": "RSA with SHA-256"}


class KeyState(StrEnum):
    CONFIGURED = "configured"
    MISSING = "missing"
    ROTATING = "rotating"


def type_label(key_type: str, bits: int) -> str:
    """The name people know: `Ed25519`, `RSA-2048`, `ECDSA P-256`."""
    return _TYPES.get(key_type, f"RSA-{bits}")


def algorithm_of(key_type: str) -> str:
    return _ALGORITHMS.get(key_type, key_type)


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's keys at a moment. `key` is the one in charge, or the first one that is yet to be proved."""

    key: ServerKey | None
    leaving: ServerKey | None
    coming: ServerKey | None
    at: datetime
    rotation_days: int

    @property
    def state(self) -> KeyState:
        if self.key is None:
            return KeyState.MISSING
        return KeyState.ROTATING if self.leaving or self.coming else KeyState.CONFIGURED

    @property
    def label(self) -> str:
        return type_label(self.key.key_type, self.key.bits) if self.key else ""

    @property
    def algorithm(self) -> str:
        return algorithm_of(self.key.key_type) if self.key else ""

    @property
    def base64(self) -> str:
        """The SubjectPublicKeyInfo in base64 on one line, as many a configuration takes it."""
        return "".join(line for line in self.key.pem.splitlines() if not line.startswith("-")) if self.key else ""

    @property
    def age_days(self) -> int | None:
        return (self.at - self.key.created_at).days if self.key else None

    @property
    def age_tone(self) -> str:
        """Green below 60 days, yellow from 60 to 90, red beyond."""
        days = self.age_days or 0
        return "denied" if days > AGE_RED else "pending" if days >= AGE_YELLOW else "allowed"

    @property
    def due_at(self) -> datetime | None:
        return self.key.created_at + timedelta(days=self.rotation_days) if self.key else None

    @property
    def due(self) -> bool:
        """Whether the policy asks for another key, and none is on its way."""
        return self.state is KeyState.CONFIGURED and self.due_at is not None and self.due_at <= self.at


def identity_of(server: McpServer, *, at: datetime | None = None) -> Identity:
    """Reads `server.keys`, which `servers_visible_to` has fetched already."""
    return _identity(server.keys.all(), server.rotation_days, at or clock.now())


def _identity(keys: Iterable[ServerKey], rotation_days: int, at: datetime) -> Identity:
    rows = sorted(keys, key=lambda key: key.created_at)
    by_status = {key.status: key for key in rows}
    active = by_status.get(ServerKey.Status.ACTIVE)
    unproved = by_status.get(ServerKey.Status.UNPROVED)
    return Identity(
        key=active or unproved,
        leaving=by_status.get(ServerKey.Status.LEAVING),
        coming=unproved if active else None,
        at=at,
        rotation_days=rotation_days,
    )
