"""Content-Digest of a request (RFC 9530): written for our own clients, checked over the raw bytes of the body."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Final

from aim.crypto.structured_fields import MalformedFieldError, field_text, read_byte_sequences

_ALGORITHMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}


def content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    """The field's value for a body, such as `sha-256=:…:`."""
    return f"{algorithm}=:{base64.b64encode(_ALGORITHMS[algorithm](body)).decode('ascii')}:"


def vouches(value: bytes, body: bytes) -> bool:
    """Whether the value is the SHA-256 of the body in the usual spelling. A no says nothing."""
    return value == b"sha-256=:%b:" % binascii.b2a_base64(hashlib.sha256(body).digest(), newline=False)


def content_digest_problem(values: list[bytes], body: bytes) -> str | None:
    """Why the field's lines don't vouch for the body, or None if they do.

    Every sha-256 and sha-512 digest listed must match and there must be one; other algorithms are ignored.
    """
    if not values:
        return "Content-Digest is missing"
    if vouches(values[0], body) and len(values) == 1:
        return None
    try:
        digests = read_byte_sequences(field_text(values))
    except MalformedFieldError as error:
        return f"Content-Digest {error}"
    known = _ALGORITHMS.keys() & digests.keys()
    if not known:
        return "Content-Digest names neither sha-256 nor sha-512"
    if any(digests[name] != base64.b64encode(_ALGORITHMS[name](body)).decode("ascii") for name in known):
        return "Content-Digest does not match the body"
    return None
