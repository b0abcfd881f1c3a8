"""What the settings show of the ledger: the keys that sign it, its newest checkpoints, and where those are kept.

The ledger is one for the whole installation. What its operator has configured, and the words of what fails, may name
machines of theirs: they are shown where nobody else's organization is on the installation.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from accounts.models import Organization
from accounts.permissions import Permission
from aim.ledger.deliveries import channels
from aim.ledger.keys import verifier_key
from aim.ledger.models import Checkpoint, Delivery, SealKey
from aim.ledger.tiles import ledger_size

CHECKPOINTS_SHOWN = 10
_CHANNELS: dict[str, Promise] = {"email": _("Mail"), "webhook": _("Webhook"), "storage": _("Bucket")}
_SETTINGS = {"email": "AIM_LEDGER_EMAIL", "webhook": "AIM_LEDGER_WEBHOOK_URL", "storage": "AIM_S3_BUCKET"}


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key that signs or has signed. `fingerprint` is SHA-256 of the public key, in hex by twos."""

    text: str
    fingerprint: str
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """A way out of this machine. `behind` is how many checkpoints it has not seen; `error` is empty for outsiders."""

    label: Promise | str
    setting: str
    configured: bool
    number: int
    delivered_at: datetime | None
    failures: int
    failed_at: datetime | None
    error: str
    behind: int


def runs_alone(actor: Actor) -> bool:
    """Whether the actor's organization is the only one on this installation."""
    return not Organization.objects.exclude(id=actor.scope).exists()


def may_rotate(actor: Actor) -> bool:
    """An admin, as long as the key signs nobody else's entries; otherwise operators do it by command."""
    return actor.may(Permission.LEDGER_KEYS) and runs_alone(actor)


def ledger_keys() -> list[ShownKey]:
    """Newest first."""
    return [
        ShownKey(verifier_key(row).text(), _fingerprint(bytes(row.public_key)), row.created_at, row.retired_at)
        for row in SealKey.objects.order_by("-id")
    ]


def newest_checkpoints() -> list[Checkpoint]:
    return list(Checkpoint.objects.order_by("-number")[:CHECKPOINTS_SHOWN])


def unsealed_entries() -> int:
    """How many have a place and no checkpoint yet."""
    newest = Checkpoint.objects.order_by("-number").first()
    return ledger_size() - (newest.size if newest else 0)


def deliveries_for(actor: Actor) -> list[ShownDelivery]:
    """Every way there is, configured or not."""
    rows = {row.channel: row for row in Delivery.objects.all()}
    configured = {channel.name for channel in channels()}
    newest = Checkpoint.objects.order_by("-number").values_list("number", flat=True).first() or 0
    whole = actor.may(Permission.LEDGER_KEYS) and runs_alone(actor)
    shown = []
    for name, label in _CHANNELS.items():
        row = rows.get(name) or Delivery(channel=name)
        shown.append(
            ShownDelivery(
                label=label,
                setting=_SETTINGS[name],
                configured=name in configured,
                number=row.number,
                delivered_at=row.delivered_at,
                failures=row.failures,
                failed_at=row.failed_at,
                error=row.error if whole else "",
                behind=newest - row.number,
            )
        )
    return shown


def _fingerprint(public_key: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in hashlib.sha256(public_key).digest())
