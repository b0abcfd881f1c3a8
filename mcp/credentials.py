"""The credentials that AIM shows to servers: what each method needs, what of it may be shown, and the rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aim import clock
from aim.errors import Problem
from mcp.certificates import fingerprint_of, name_of
from mcp.configuration import MAX_CERTIFICATE, url_problems
from mcp.models import AuthMethod

MAX_SECRET = 8192
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_KEY_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,200}")
# What says how a message is to be read or where it goes is not for a credential to change.
_NOT_FOR_CREDENTIALS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept", "accept-encoding", "te"}
    | {"upgrade", "expect", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name", "trailer", "user-agent"}
)
_SHORTEST_HMAC = 16

FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        AuthMethod.API_KEY: {"header": "Authorization", "scheme": "Bearer", "api_key": ""},
        AuthMethod.OAUTH2: {"token_url": "", "client_id": "", "client_secret": "", "scope": "", "resource": ""},
        AuthMethod.MTLS: {"certificate": "", "private_key": ""},
        AuthMethod.HMAC: {"key_id": "", "secret": ""},
    }
)
"""The fields of each method with their defaults."""
OPTIONAL = frozenset({"header", "scheme", "scope", "resource"})
SECRET = frozenset({"api_key", "client_secret", "private_key", "secret"})
"""What is never shown again."""


@dataclass(frozen=True)
class CheckedCredential:
    """`secret` is what is encrypted; `shown` what people may see of it."""

    method: str
    secret: Mapping[str, str]
    shown: Mapping[str, object]
    expires_at: datetime | None = None
    certificate: x509.Certificate | None = None


def check_credential(method: str, given: Mapping[str, str]) -> CheckedCredential | list[Problem]:
    """The credential, or everything that is wrong with it. The names of the fields are those of `FIELDS`."""
    if method not in FIELDS:
        return [Problem("method", "invalid", _("Choose one of %(choices)s.") % {"choices": ", ".join(FIELDS)})]
    wanted = FIELDS[method]
    problems = [
        Problem(name, "unknown", _("This field does not belong to %(method)s.") % {"method": AuthMethod(method).label})
        for name in given
        if name not in wanted
    ]
    values = {name: given.get(name, default) for name, default in wanted.items()}
    problems += [
        Problem(name, "required", _("This field is required."))
        for name, value in values.items()
        if not value and name not in OPTIONAL
    ]
    problems += [
        Problem(
            name,
            "invalid",
            ngettext("Use at most %(most)s character.", "Use at most %(most)s characters.", _longest(name))
            % {"most": _longest(name)},
        )
        for name, value in values.items()
        if len(value) > _longest(name)
    ]
    if problems:
        return problems
    return _RULES[method](values)


def _api_key(values: dict[str, str]) -> CheckedCredential | list[Problem]:
    problems = []
    if not _HEADER.fullmatch(values["header"]) or values["header"].lower() in _NOT_FOR_CREDENTIALS:
        problems.append(
            Problem("header", "invalid", _("Use the name of a header, such as Authorization or X-API-Key."))
        )
    if values["scheme"] and not _HEADER.fullmatch(values["scheme"]):
        problems.append(Problem("scheme", "invalid", _("Use one word, such as Bearer, or leave it empty.")))
    problems += _printable("api_key", values)
    if problems:
        return problems
    shown = {"header": values["header"], "scheme": values["scheme"]}
    return CheckedCredential(AuthMethod.API_KEY, values, shown)


def _oauth2(values: dict[str, str]) -> CheckedCredential | list[Problem]:
    problems = [Problem("token_url", "invalid", text) for text in url_problems(values["token_url"])]
    problems += [problem for name in ("client_id", "client_secret", "scope") for problem in _printable(name, values)]
    if values["resource"]:
        problems += [Problem("resource", "invalid", text) for text in url_problems(values["resource"])]
    if problems:
        return problems
    shown = {name: value for name, value in values.items() if name not in SECRET}
    return CheckedCredential(AuthMethod.OAUTH2, values, shown)


def _mtls(values: dict[str, str]) -> CheckedCredential | list[Problem]:
    try:
        chain = x509.load_pem_x509_certificates(values["certificate"].encode())
    except ValueError:
        return [Problem("certificate", "invalid", _("TLS certificate validation failed. Upload valid certificate."))]
    try:
        key = load_pem_private_key(values["private_key"].encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        text = _("Upload the private key in PEM form, without a password.")
        return [Problem("private_key", "invalid", text)]
    own, form = chain[0], PublicFormat.SubjectPublicKeyInfo
    if own.public_key().public_bytes(Encoding.DER, form) != key.public_key().public_bytes(Encoding.DER, form):
        return [Problem("private_key", "mismatch", _("The private key does not belong to the certificate."))]
    if own.not_valid_after_utc <= clock.now():
        return [Problem("certificate", "expired", _("TLS certificate expired. Update certificate and retry."))]
    shown: dict[str, object] = {
        "subject": name_of(own.subject),
        "issuer": name_of(own.issuer),
        "fingerprint": fingerprint_of(own),
        "not_before": clock.show_time(own.not_valid_before_utc),
        "not_after": clock.show_time(own.not_valid_after_utc),
    }
    return CheckedCredential(AuthMethod.MTLS, values, shown, own.not_valid_after_utc, own)


def _hmac(values: dict[str, str]) -> CheckedCredential | list[Problem]:
    problems = []
    if not _KEY_ID.fullmatch(values["key_id"]):
        problems.append(Problem("key_id", "invalid", _("Use 1 to 200 letters, digits and . _ : / + = @ -")))
    if len(values["secret"].encode()) < _SHORTEST_HMAC:
        problems.append(
            Problem(
                "secret",
                "invalid",
                ngettext(
                    "Use a secret of at least %(least)s byte.",
                    "Use a secret of at least %(least)s bytes.",
                    _SHORTEST_HMAC,
                )
                % {"least": _SHORTEST_HMAC},
            )
        )
    if problems:
        return problems
    return CheckedCredential(AuthMethod.HMAC, values, {"key_id": values["key_id"], "algorithm": "hmac-sha256"})


def _printable(name: str, values: Mapping[str, str]) -> list[Problem]:
    value = values[name]
    if value.isascii() and value.isprintable() and value == value.strip():
        return []
    return [Problem(name, "invalid", _("Use printable ASCII characters, without spaces at the ends."))]


def _longest(name: str) -> int:
    return MAX_CERTIFICATE if name in {"certificate", "private_key"} else MAX_SECRET


_RULES = {
    AuthMethod.API_KEY.value: _api_key,
    AuthMethod.OAUTH2.value: _oauth2,
    AuthMethod.MTLS.value: _mtls,
    AuthMethod.HMAC.value: _hmac,
}
