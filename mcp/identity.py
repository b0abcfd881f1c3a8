"""What is to be said of a server's keys: the one in charge, its age, and when it should be replaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from aim import clock
from mcp.keys import KeyAge, age_of
from mcp.models import McpServer, ServerKey

_TONES = {"green": "allowed", "yellow": "pending", "red": "denied"}
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
    def title(self) -> str:
        """What stands under the pointer: which key it is; empty where there is none."""
        if self.key is None:
            return ""
        words = _("%(label)s key rotating") if self.state is KeyState.ROTATING else _("%(label)s key configured")
        return f"{words % {'label': self.label}}\n{self.key.fingerprint[:12]}…"

    @property
    def algorithm(self) -> str:
        return algorithm_of(self.key.key_type) if self.key else ""

    @property
    def base64(self) -> str:
        """The SubjectPublicKeyInfo in base64 on one line, as many a configuration takes it."""
        return "".join(line for line in self.key.pem.splitlines() if not line.startswith("-")) if self.key else ""

    @property
    def age(self) -> KeyAge | None:
        return age_of(self.key, policy_days=self.rotation_days, at=self.at) if self.key else None

    @property
    def age_days(self) -> int | None:
        return self.age.days if self.age else None

    @property
    def age_tone(self) -> str:
        return _TONES[self.age.tone] if self.age else "muted"

    @property
    def due_at(self) -> datetime | None:
        return self.age.due_at if self.age else None

    @property
    def due(self) -> bool:
        """Whether the policy asks for another key, and none is on its way."""
        return self.state is KeyState.CONFIGURED and self.age is not None and self.age.is_due


def identity_of(server: McpServer, *, at: datetime | None = None) -> Identity:
    """Reads `server.keys`, which `servers_visible_to` has fetched already."""
    return identity_from(server.keys.all(), server.rotation_days, at or clock.now())


def identity_from(keys: Iterable[ServerKey], rotation_days: int, at: datetime) -> Identity:
    """What these keys of one server amount to."""
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
