"""Encryption of what must be read again, such as the secret of a second factor: Fernet under keys of the installation.

The keys are derived from `AIM_SECRET_KEY`, and for reading also from those before it (`AIM_SECRET_KEY_FALLBACKS`).
A purpose separates what is encrypted for one thing from what is encrypted for another.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_KEY_BYTES = 32


class UnreadableError(ValueError):
    """The text was encrypted under another key, for another purpose, or altered."""


def encrypt(text: str, *, purpose: str) -> str:
    return _fernet(purpose).encrypt(text.encode()).decode()


def decrypt(encrypted: str, *, purpose: str) -> str:
    """The text; raises `UnreadableError`."""
    try:
        return _fernet(purpose).decrypt(encrypted.encode()).decode()
    except (InvalidToken, UnicodeError):
        raise UnreadableError(f"Cannot be read: encrypted for {purpose} under another AIM_SECRET_KEY, or altered.") from None


def _fernet(purpose: str) -> MultiFernet:
    return MultiFernet([_key(secret, purpose) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str, purpose: str) -> Fernet:
    derivation = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"aim {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derivation.derive(secret.encode())))
