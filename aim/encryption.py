"""Secrets at rest: encrypted under the installation's master keys, which stand in no database and no backup of one.

Fernet (AES-128-CBC with HMAC-SHA-256). The first of `AIM_MASTER_KEYS` encrypts, any of them decrypts, so that a new
key can be put in front.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from aim.environment import environment


class UndecryptableError(Exception):
    """The value was encrypted under a master key that is not configured here, or has been altered."""


def encrypt(plain: bytes) -> bytes:
    return _keys().encrypt(plain)


def decrypt(encrypted: bytes) -> bytes:
    """Raises `UndecryptableError`."""
    try:
        return _keys().decrypt(encrypted)
    except InvalidToken:
        raise UndecryptableError("Not encrypted under any of AIM_MASTER_KEYS") from None


def is_under_first_key(encrypted: bytes) -> bool:
    """Whether the first of `AIM_MASTER_KEYS` alone would do to decrypt it."""
    try:
        _first_key().decrypt(encrypted)
    except InvalidToken:
        return False
    return True


def encrypt_anew(encrypted: bytes) -> bytes:
    """The same secret under the first of `AIM_MASTER_KEYS`. Raises `UndecryptableError`."""
    try:
        return _keys().rotate(encrypted)
    except InvalidToken:
        raise UndecryptableError("Not encrypted under any of AIM_MASTER_KEYS") from None


@lru_cache(maxsize=1)
def _first_key() -> Fernet:
    return Fernet(environment.master_keys[0].get_secret_value())


@lru_cache(maxsize=1)
def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key.get_secret_value()) for key in environment.master_keys])
