"""The keys that sign checkpoints: one at a time, each followed by the next, all public halves kept for ever."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from aim import clock
from aim.encryption import decrypt, encrypt
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import SealKey
from aim.ledger.notes import VerifierKey

PREFIX = "/api/v1/ledger"


class Signer(NamedTuple):
    row: SealKey
    public: VerifierKey
    private: Ed25519PrivateKey


def verifier_key(row: SealKey) -> VerifierKey:
    return VerifierKey(row.name, bytes(row.public_key))


def verifier_keys() -> list[VerifierKey]:
    """Every key that has ever signed, oldest first."""
    return [verifier_key(row) for row in SealKey.objects.order_by("id")]


def signer_of(row: SealKey) -> Signer:
    """Raises `UndecryptableError` where the master keys are not those of this database."""
    assert row.private_key is not None
    private = Ed25519PrivateKey.from_private_bytes(decrypt(bytes(row.private_key)))
    return Signer(row, verifier_key(row), private)


def current_signer(actor: Mapping[str, object]) -> Signer:
    """The key in use; the log's first one is made here. The caller's transaction holds the lock of sealing."""
    row = SealKey.objects.filter(retired_at=None).order_by("-id").first()
    return new_signer(actor, follows=None) if row is None else signer_of(row)


def new_signer(actor: Mapping[str, object], *, follows: SealKey | None) -> Signer:
    """Make a key, on record."""
    private = Ed25519PrivateKey.generate()
    row = SealKey.objects.create(
        name=_log_name(),
        public_key=private.public_key().public_bytes_raw(),
        private_key=encrypt(private.private_bytes_raw()),
        created_at=clock.now(),
    )
    append_entry(
        kind=Event.LEDGER_KEY_CREATED,
        organization_id=None,
        actor=actor,
        subject={"kind": "seal_key", "id": row.id.hex, "label": verifier_key(row).text()},
        subject_id=row.id,
        data={"follows": verifier_key(follows).text() if follows else None},
    )
    return Signer(row, verifier_key(row), private)


def retire(row: SealKey) -> None:
    """From now on it signs nothing more: the private half is gone."""
    SealKey.objects.filter(id=row.id, retired_at=None).update(retired_at=clock.now(), private_key=None)


def _log_name() -> str:
    """The log's address without its scheme, as C2SP recommends. It stays, whatever becomes of the address."""
    first = SealKey.objects.order_by("id").values_list("name", flat=True).first()
    return first or f"{urlsplit(settings.ORIGIN).netloc}{PREFIX}"
