"""Identifiers: UUIDv7 (RFC 9562 section 5.7) inside, `agt_…` with 32 hex digits outside."""

import os
import time
from enum import StrEnum
from uuid import UUID

_DIGITS = 32


class IdKind(StrEnum):
    """The prefix names what an id points to; prefixes are on the wire and never change."""

    ORGANIZATION = "org"
    USER = "usr"
    MEMBERSHIP = "mbr"
    TEAM = "tea"
    TOKEN = "tok"  # noqa: S105 - the prefix of an id
    AGENT = "agt"
    API_KEY = "key"
    PUBLIC_KEY = "pub"
    CHALLENGE = "chl"
    VERIFICATION = "ver"
    ENTRY = "ent"
    CONTAINMENT = "ctn"


class InvalidIdError(ValueError):
    """The text is no id of the expected kind."""


def uuid7_bytes(unix_seconds: float) -> bytes:
    """16 bytes of a UUIDv7 for a moment given in seconds since 1970."""
    random = os.urandom(10)
    return (
        int(unix_seconds * 1000).to_bytes(6, "big")
        + bytes((0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F))
        + random[3:]
    )


def uuid7() -> UUID:
    """A new UUIDv7 of this moment."""
    return UUID(bytes=uuid7_bytes(time.time()))


def show_id(kind: IdKind, value: UUID) -> str:
    """The id as people and programs see it, such as `agt_018f…`."""
    return f"{kind}_{value.hex}"


def parse_id(kind: IdKind, text: str) -> UUID:
    """The UUID behind a shown id; raises `InvalidIdError` for any other text."""
    prefix, _, digits = text.partition("_")
    if (
        prefix != kind
        or len(digits) != _DIGITS
        or not digits.isascii()
        or not digits.isalnum()
        or digits != digits.lower()
    ):
        raise InvalidIdError(f"Not an id of the form {kind}_…")
    try:
        return UUID(hex=digits)
    except ValueError:
        raise InvalidIdError(f"Not an id of the form {kind}_…") from None
