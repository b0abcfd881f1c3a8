"""Bearer secrets: 256 random bits behind a readable prefix, kept only as SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class BearerSecret:
    """`text` is shown once and never stored; `prefix` helps people to recognise it, `digest` to find it."""

    text: str
    prefix: str
    digest: bytes


def digest_of(text: str) -> bytes:
    """SHA-256 of the secret. A plain hash is enough: the secret has 256 bits of entropy."""
    return hashlib.sha256(text.encode()).digest()


def new_secret(scheme: str) -> BearerSecret:
    """A new secret such as `aim_…` for scheme `aim`."""
    text = f"{scheme}_{secrets.token_urlsafe(32)}"
    return BearerSecret(text=text, prefix=text[: len(scheme) + 1 + _SHOWN], digest=digest_of(text))
