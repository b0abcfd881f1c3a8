"""Canonical JSON (RFC 8785, JCS): the one spelling of a value that is hashed, stored and compared."""

import hashlib

import msgspec
import rfc8785

LARGEST_INTEGER = 2**53 - 1
"""Beyond it, IEEE 754 doubles and so other readers of JSON no longer tell integers apart (RFC 7493 section 2.2)."""

_encode = msgspec.json.Encoder(order="sorted").encode


class NotCanonicalError(ValueError):
    """The value has no canonical JSON."""


def canonical_json(value: object) -> bytes:
    """The canonical bytes of a JSON value; raises `NotCanonicalError` where RFC 8785 has none.

    Values are None, bool, int within ±(2^53 - 1), finite float, str without lone surrogates, list, tuple and dict with
    str keys.
    """
    try:
        # msgspec is many times faster and, for values that pass this walk, gives the same bytes (proved by a property
        # test). It would write NaN as null and bytes as base64: such values must take the other way.
        return _encode(value) if _is_plain(value) else rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError as error:
        raise NotCanonicalError("Integers beyond ±(2^53 - 1) are not exact in JSON; write them as text.") from error
    except rfc8785.FloatDomainError as error:
        raise NotCanonicalError("NaN and Infinity do not exist in JSON.") from error
    except (UnicodeEncodeError, rfc8785.CanonicalizationError) as error:
        raise NotCanonicalError(f"Not a JSON value: {_reason(error)}.") from error
    except RecursionError:
        raise NotCanonicalError("The value is nested too deeply.") from None


def digest(value: object) -> bytes:
    """SHA-256 over the canonical JSON of the value: 32 bytes."""
    return hashlib.sha256(canonical_json(value)).digest()


def _reason(error: Exception) -> str:
    return "text with a lone surrogate" if "UTF-8" in str(error) or "utf-8" in str(error) else str(error)


def _is_plain(value: object) -> bool:
    """Whether msgspec is certain to write the value as RFC 8785 wants it."""
    kind = type(value)
    if kind is dict:
        return _has_plain_keys(value) and _are_plain(value.values())  # type: ignore[attr-defined, arg-type]
    return _are_plain((value,))


def _has_plain_keys(value: dict[object, object]) -> bool:
    try:
        names = "".join(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    # Below U+D800 the order of UTF-8, of code points and of UTF-16 code units (RFC 8785 section 3.2.3) is the same.
    return (names.isascii() or max(names) < "\ud800") and all(type(name) is str for name in value)


def _are_plain(values: object) -> bool:
    for value in values:  # type: ignore[attr-defined]
        kind = type(value)
        if kind is str or value is None or kind is bool:
            continue
        if kind is int:
            if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
                continue
            return False
        if kind is dict:
            if _has_plain_keys(value) and _are_plain(value.values()):
                continue
            return False
        if (kind is list or kind is tuple) and _are_plain(value):
            continue
        return False
    return True
