"""Verifies signed requests by our profile of HTTP Message Signatures (RFC 9421), in two steps.

`read_signature` finds the one signature meant for us and checks its form; the caller looks up the key by `keyid`;
`check_signature` checks time, digest and signature. Neither remembers nonces: see `NONCE_LIFETIME`.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from aim.crypto.content_digest import content_digest_problem, vouches
from aim.crypto.signature_base import DERIVED, SignedMessage, UnsignableError, field_values, signature_base
from aim.crypto.structured_fields import (
    MAX_FIELD_BYTES,
    InnerList,
    MalformedFieldError,
    field_text,
    read_byte_sequences,
    read_inner_lists,
    read_parameters,
)
from aim.crypto.verifiers import Verifier

TAG: Final = "aim-verify"
REQUIRED_COMPONENTS: Final = frozenset({"@method", "@authority", "@path", "content-digest"})
MAX_LIFETIME: Final = 60
CLOCK_SKEW: Final = 30
#: Seconds for which a nonce must be remembered. A signature can be accepted from `created - CLOCK_SKEW` to `created +
#: MAX_LIFETIME + CLOCK_SKEW`; the margin covers clocks that differ between our own processes.
NONCE_LIFETIME: Final = MAX_LIFETIME + 2 * CLOCK_SKEW + 30

_COMPONENTS = re.compile(r'"[a-z0-9@!#$%&\'*+\-.^_`|~]+"(?: "[a-z0-9@!#$%&\'*+\-.^_`|~]+")*+')
_MAX_COMPONENTS = 32
_NOT_CANONICAL: Final = "covered components must be plain names in canonical form, without parameters"
_INTEGER = re.compile(r"0|[1-9][0-9]{0,11}")
_STRING = re.compile(r'"([!#-\[\]-~]{1,200})"')
# 22 characters of base64 or base64url hold 132 bits, so 128 random bits fit into no fewer.
_NONCE = re.compile(r'"([A-Za-z0-9+/_-]{22,128}={0,2})"')
# One signature with quoted components and parameters, none of which needs an escape: what libraries write.
_USUAL = re.compile(
    r'([a-z][a-z0-9_-]{0,63}+)=(\(("[a-z0-9@-]++"(?: "[a-z0-9@-]++"){0,31}+)\)'
    r'(?:;(?:created=([1-9][0-9]{0,11}+)|expires=([1-9][0-9]{0,11}+)|nonce="([A-Za-z0-9+/_-]{22,128}+={0,2}+)"'
    r'|keyid="([A-Za-z0-9+/_=.:-]{1,200}+)"|alg="([A-Za-z0-9+/_=.:-]{1,200}+)"|tag="([A-Za-z0-9+/_=.:-]{1,200}+)"))+)'
)
_FEWEST, _MOST = 5, 6
_PARAMETERS: Final = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})


@dataclass(frozen=True, slots=True)
class SignatureProblem:
    """Why a request doesn't count as signed: a code of the wire contract and a sentence for the operator."""

    code: Literal["signature_missing", "signature_invalid", "signature_expired"]
    detail: str


class ParsedSignature(NamedTuple):
    """A signature of good form that nobody has verified yet. Times are seconds since 1970.

    `parameters` is the value of `@signature-params`, byte for byte as it was received.
    """

    label: str
    components: tuple[str, ...]
    created: int
    expires: int
    nonce: str
    keyid: str
    algorithm: str | None
    signature: bytes
    parameters: str


class _InvalidError(ValueError):
    """The signature is not acceptable, for the reason given."""


def read_signature(message: SignedMessage, tag: str = TAG) -> ParsedSignature | SignatureProblem:
    """The one signature of `message` that carries `tag`; signatures with other tags are ignored."""
    return read_usual(message, tag) or read_any(message, tag)


def read_usual(message: SignedMessage, tag: str) -> ParsedSignature | None:
    """What `read_any` would read, for a request with one signature in the usual spelling; None for any other.

    It says nothing of a request that it does not read: `read_any` does.
    """
    fields = message.fields
    if fields is None:
        return None
    given, written = fields.get(b"signature-input", b""), fields.get(b"signature", b"")
    if max(len(given), len(written)) > MAX_FIELD_BYTES or not given.isascii():
        return None
    match = _USUAL.fullmatch(given.decode("ascii"))
    if match is None:
        return None
    label, inner, items, created, expires, nonce, keyid, algorithm, tagged = match.groups()
    # As many parameters as semicolons, so that none came twice.
    named = _FEWEST if algorithm is None else _MOST
    if tagged != tag or None in (created, expires, nonce, keyid) or inner.count(";") != named:
        return None
    head = f"{label}=:".encode()
    if not (written.startswith(head) and written.endswith(b":")):
        return None
    digits = written[len(head) : -1]
    try:
        components = _covered(items, has_query=bool(message.query))
        raw = binascii.a2b_base64(digits)
    except (_InvalidError, binascii.Error):
        return None
    if not raw or binascii.b2a_base64(raw, newline=False) != digits:
        return None
    return ParsedSignature(label, components, int(created), int(expires), nonce, keyid, algorithm, raw, inner)


def read_any(message: SignedMessage, tag: str) -> ParsedSignature | SignatureProblem:
    """`read_signature` in full: any spelling that RFC 8941 and RFC 9421 allow, and a reason for every other."""
    inputs = field_values(message, b"signature-input")
    if not inputs:
        return SignatureProblem("signature_missing", "The request has no Signature-Input header.")
    try:
        found = _find(field_text(inputs), tag)
    except (MalformedFieldError, _InvalidError) as error:
        return _invalid(f"Signature-Input {error}")
    if found is None:
        return SignatureProblem("signature_missing", f'The request has no signature with tag="{tag}".')
    label, inner_list, parameters = found
    try:
        components = _components(inner_list, has_query=bool(message.query))
        return ParsedSignature(
            label,
            components,
            _integer(parameters, "created"),
            _integer(parameters, "expires"),
            _match(_NONCE, parameters, "nonce", "22 to 128 characters of base64 or base64url"),
            _string(parameters, "keyid"),
            _string(parameters, "alg") if "alg" in parameters else None,
            _signature_bytes(message, label),
            inner_list[0],
        )
    except (MalformedFieldError, _InvalidError) as error:
        return _invalid(f"Signature {label}: {error}")


def check_signature(
    parsed: ParsedSignature,
    message: SignedMessage,
    verifier: Verifier,
    *,
    now: float,
    max_lifetime: int = MAX_LIFETIME,
    skew: int = CLOCK_SKEW,
) -> SignatureProblem | None:
    """None if `parsed`, read from this very `message`, is a timely signature of the verifier's key.

    `now` is in seconds since 1970; both ends of the window belong to it. Raises `ValueError` only for a window that
    outlasts `NONCE_LIFETIME`, which would let a signature be replayed.
    """
    if max_lifetime + 2 * skew > NONCE_LIFETIME:
        raise ValueError("The window is longer than nonces are remembered")
    problem = _time_problem(parsed, now, max_lifetime, skew)
    if problem is not None:
        return problem
    if parsed.keyid != verifier.thumbprint:
        return _invalid("The keyid is not the thumbprint of the key.")
    # The key's type decides which algorithms are possible; the message may only choose among them.
    algorithm = parsed.algorithm or verifier.algorithms[0]
    if algorithm not in verifier.algorithms:
        return _invalid(f"The algorithm {algorithm} is not one of the key's: {', '.join(verifier.algorithms)}.")
    digest = message.fields.get(b"content-digest") if message.fields is not None else None
    if digest is None or not vouches(digest, message.body):
        mismatch = content_digest_problem(field_values(message, b"content-digest"), message.body)
        if mismatch is not None:
            return _invalid(f"{mismatch}.")
    return _mismatch(parsed, message, verifier, algorithm)


def _mismatch(
    parsed: ParsedSignature, message: SignedMessage, verifier: Verifier, algorithm: str
) -> SignatureProblem | None:
    try:
        base = signature_base(message, parsed.components, parsed.parameters)
    except UnsignableError as error:
        return _invalid(f"Signature {parsed.label}: {error}.")
    if not verifier.verify(parsed.signature, base, algorithm):
        return _invalid("The signature does not match the request and the key.")
    return None


def _time_problem(parsed: ParsedSignature, now: float, max_lifetime: int, skew: int) -> SignatureProblem | None:
    lifetime = parsed.expires - parsed.created
    if not 0 < lifetime <= max_lifetime:
        return _invalid(f"The signature's lifetime is {lifetime} s; it must be 1 to {max_lifetime} s.")
    # Written so that a `now` that is not a number is refused too.
    if not parsed.created <= now + skew:
        return SignatureProblem(
            "signature_expired", f"The signature was created {parsed.created - now:.0f} s in the future."
        )
    if not now <= parsed.expires + skew:
        return SignatureProblem("signature_expired", f"The signature expired {now - parsed.expires:.0f} s ago.")
    return None


def _find(text: str, tag: str) -> tuple[str, InnerList, dict[str, str]] | None:
    wanted = f'"{tag}"'
    found = None
    for label, inner_list in read_inner_lists(text).items():
        parameters = read_parameters(inner_list[2])
        if parameters.get("tag") == wanted:
            if found is not None:
                raise _InvalidError(f"has two signatures with the tag {tag}")
            found = (label, inner_list, parameters)
    return found


def _components(inner_list: InnerList, *, has_query: bool) -> tuple[str, ...]:
    text, items, parameters = inner_list
    # Only the canonical form is accepted, so that the text received is the text that was signed.
    if text != f"({items}){parameters}" or " " in parameters:
        raise _InvalidError(_NOT_CANONICAL)
    return _covered(items, has_query=has_query)


# A client names the same components in every request, so that they are judged once. Refusals are not remembered.
@lru_cache(maxsize=256)
def _covered(items: str, *, has_query: bool) -> tuple[str, ...]:
    if not _COMPONENTS.fullmatch(items):
        raise _InvalidError(_NOT_CANONICAL)
    components = tuple(items[1:-1].split('" "'))
    covered = frozenset(components)
    if len(covered) != len(components) or len(components) > _MAX_COMPONENTS:
        raise _InvalidError("covered components are repeated or too many")
    missing = REQUIRED_COMPONENTS - covered
    if has_query and "@query" not in covered:
        missing |= {"@query"}
    if missing:
        raise _InvalidError(f"does not cover {', '.join(sorted(missing))}")
    for name in covered:
        if "@" in name and name not in DERIVED:
            raise _InvalidError(f"the component {name} is not supported")
    return components


def _match(pattern: re.Pattern[str], parameters: dict[str, str], name: str, form: str) -> str:
    match = pattern.fullmatch(parameters.get(name, ""))
    if match is None:
        raise _InvalidError(f"the parameter {name} must be {form}")
    return match[match.lastindex or 0]


def _integer(parameters: dict[str, str], name: str) -> int:
    # The first of the two integers to be read also judges the names of all parameters.
    if not parameters.keys() <= _PARAMETERS:
        raise _InvalidError("has a parameter that is not one of created, expires, nonce, keyid, alg, tag")
    return int(_match(_INTEGER, parameters, name, "a whole number of seconds since 1970"))


def _string(parameters: dict[str, str], name: str) -> str:
    return _match(_STRING, parameters, name, "a string of 1 to 200 characters without spaces, quotes and backslashes")


def _signature_bytes(message: SignedMessage, label: str) -> bytes:
    values = field_values(message, b"signature")
    if not values:
        raise _InvalidError("the request has no Signature header")
    digits = read_byte_sequences(field_text(values)).get(label)
    if not digits:
        raise _InvalidError("the Signature header has no such label")
    try:
        signature = binascii.a2b_base64(digits)
    except binascii.Error:
        raise _InvalidError("the Signature header is not base64") from None
    if base64.b64encode(signature).decode("ascii") != digits:
        raise _InvalidError("the Signature header is not canonical base64")
    return signature


def _invalid(detail: str) -> SignatureProblem:
    return SignatureProblem("signature_invalid", detail)
