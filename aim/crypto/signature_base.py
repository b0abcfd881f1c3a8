"""The bytes that a signature of an HTTP request covers (RFC 9421 section 2.5)."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_AUTHORITY = re.compile(r"[a-z0-9._~%!$&'()*+,;=\[\]:-]{1,260}")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n"

DERIVED: Final = frozenset({"@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "@request-target"})


class SignedMessage(NamedTuple):
    """A request as it came over the wire, in the types of an ASGI scope.

    `scheme` is the one the client used, before any proxy; `authority` is the Host header; `path` is `raw_path`, so
    still percent-encoded; `query` is without the question mark; header names are lower-case; `body` is undecoded.
    """

    method: str
    scheme: str
    authority: bytes
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    fields: dict[bytes, bytes] | None = None
    """`headers` by name, where no name comes twice; None where nobody has looked."""


def unique_fields(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The headers by name; None where a name comes twice."""
    fields = dict(headers)
    return fields if len(fields) == len(headers) else None


class UnsignableError(ValueError):
    """A covered component has no usable value in this message."""


def field_values(message: SignedMessage, name: bytes) -> list[bytes]:
    """The values of all lines of a header field, without white space around them, in order."""
    return [value.strip(b" \t") for key, value in message.headers if key == name]


def signature_base(message: SignedMessage, components: tuple[str, ...], parameters: str) -> bytes:
    """The signature base for components in their order; `parameters` is the value of `@signature-params`.

    Raises `UnsignableError` for a component that is missing or whose value could be read as another line.
    """
    known = _known_lines(components, message.method, message.scheme, message.authority, message.path, message.query)
    parts: list[bytes] = []
    for text, name in known:
        parts.append(text)
        if name:
            parts.append(_field_value(message, name))
    base = b"".join(parts) + parameters.encode()
    if not base.isascii():
        raise UnsignableError("a covered component has characters outside ASCII")
    # A line break inside a value would let one signed text stand for two different requests.
    if base.count(b"\n") != len(components) or base.translate(None, _PRINTABLE):
        raise UnsignableError("a covered component has control characters")
    return base


# Requests of one client differ in their bodies and times; what is derived from the address repeats.
@lru_cache(maxsize=1024)
def _known_lines(
    components: tuple[str, ...], method: str, scheme: str, authority: bytes, path: bytes, query: bytes
) -> tuple[tuple[bytes, bytes], ...]:
    """The text of the base in pieces: behind each comes the value of a header field, or what follows the base's name
    for its parameters where the field has no name.
    """
    message = SignedMessage(method, scheme, authority, path, query, [], b"")
    pieces: list[tuple[bytes, bytes]] = []
    text = ""
    for name in components:
        if name.startswith("@"):
            text += f'"{name}": {_derived_value(message, name)}\n'
        else:
            pieces.append((f'{text}"{name}": '.encode("latin-1"), name.encode("ascii")))
            text = "\n"
    pieces.append((f'{text}"@signature-params": '.encode("latin-1"), b""))
    return tuple(pieces)


def _field_value(message: SignedMessage, name: bytes) -> bytes:
    if message.fields is not None and (value := message.fields.get(name)) is not None:
        return value.strip(b" \t")
    values = field_values(message, name)
    if not values:
        raise UnsignableError(f"the covered header {name.decode()} is missing")
    return values[0] if len(values) == 1 else b", ".join(values)


def _derived_value(message: SignedMessage, name: str) -> str:
    match name:
        case "@method":
            return message.method
        case "@authority":
            return normal_authority(message)
        case "@path":
            return message.path.decode("latin-1") or "/"
        case "@query":
            return "?" + message.query.decode("latin-1")
        case "@scheme":
            return message.scheme.lower()
        case "@request-target":
            return _request_target(message)
        case "@target-uri":
            return f"{message.scheme.lower()}://{normal_authority(message)}{_request_target(message)}"
    raise UnsignableError(f"the component {name} is not supported")


def _request_target(message: SignedMessage) -> str:
    query = "?" + message.query.decode("latin-1") if message.query else ""
    return (message.path.decode("latin-1") or "/") + query


def normal_authority(message: SignedMessage) -> str:
    """Host and port in lower case, without the scheme's default port (RFC 9421 section 2.2.3)."""
    return _normal_authority(message.authority, message.scheme)


@lru_cache(maxsize=256)
def _normal_authority(host: bytes, scheme: str) -> str:
    authority = host.decode("latin-1").strip(" \t").lower()
    authority = authority.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), "none"))
    if not _AUTHORITY.fullmatch(authority):
        raise UnsignableError("the Host header is missing or malformed")
    return authority
