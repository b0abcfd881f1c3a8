"""Identifiers: UUIDv7 (RFC 9562 section 5.7) inside, `agt_…` with 32 hex digits outside."""

import hashlib
import os
import time
from enum import StrEnum
from functools import lru_cache
from random import Random
from uuid import UUID

_DIGITS = 32


class IdKind(StrEnum):
    """The prefix names what an id points to; prefixes are on the wire and never change."""

    ORGANIZATION = "org"
    USER = "usr"
    MEMBERSHIP = "mbr"
    TEAM = "tea"
    INVITATION = "inv"
    SESSION = "ses"
    TOKEN = "tok"  # noqa: S105 - the prefix of an id
    AGENT = "agt"
    API_KEY = "key"
    PUBLIC_KEY = "pub"
    CHALLENGE = "chl"
    TRUST_EVENT = "tre"
    VERIFICATION = "ver"
    ENTRY = "ent"
    HOLD = "hld"
    CONTAINMENT = "ctn"
    APPROVAL = "apr"
    GRANT = "gnt"
    DEADLOCK = "dlk"
    POLICY = "pol"
    POLICY_VERSION = "pov"
    DATA_CLASS = "dcl"
    NOTIFICATION = "ntf"
    AGENT_REQUEST = "arq"
    REPORT = "rpt"
    MCP_SERVER = "mcp"
    MCP_TOOL = "mtl"
    MCP_OFFERING = "mof"
    MCP_RUN = "mrn"
    MCP_ROTATION = "mro"
    MCP_KEY = "mky"
    MCP_EVENT = "mev"
    REPORT_FILE = "rep"
    SAVED_VIEW = "viw"


@lru_cache(maxsize=65_536)
def uuid_of(text: str) -> UUID:
    """The UUID that is written so, for texts that come again and again: making one takes longer than looking it up."""
    return UUID(text)


class InvalidIdError(ValueError):
    """The text is no id of the expected kind."""


# Ids are no secrets, so that they need no system call each. A forked process must not repeat its parent's.
_random = Random()  # noqa: S311 - see above
os.register_at_fork(after_in_child=_random.seed)
_VERSION, _VARIANT, _RANDOM = 0x7 << 76, 0b10 << 62, (0xFFF << 64) | (2**62 - 1)


def uuid7_bytes(unix_seconds: float) -> bytes:
    """16 bytes of a UUIDv7 (RFC 9562 section 5.7) for a moment given in seconds since 1970, with 74 random bits."""
    number = int(unix_seconds * 1000) << 80 | _VERSION | _VARIANT | _random.getrandbits(76) & _RANDOM
    return number.to_bytes(16, "big")


def uuid7() -> UUID:
    """A new UUIDv7 of this moment."""
    return UUID(bytes=uuid7_bytes(time.time()))


def uuid7_named(unix_seconds: float, name: str) -> UUID:
    """The id of a moment that this name always has, for rows that are made anew from the record and stay the same."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    return UUID(int=round(unix_seconds * 1000) << 80 | _VERSION | _VARIANT | number & _RANDOM)


def uuid7_floor(unix_seconds: float) -> UUID:
    """The smallest id of a moment: ids made before it are smaller, ids made later are not."""
    milliseconds = min(max(round(unix_seconds * 1000), 0), 2**48 - 1)
    return UUID(int=milliseconds << 80)


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
