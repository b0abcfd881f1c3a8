"""What of an X.509 certificate is kept and shown. All of it was written by strangers."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

_LONGEST = 300
_MOST_NAMES = 100


@dataclass(frozen=True)
class CertificateFacts:
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    pem: str


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        subject=name_of(certificate.subject),
        issuer=name_of(certificate.issuer),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=fingerprint_of(certificate),
        pem=certificate.public_bytes(Encoding.PEM).decode(),
    )


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, hexadecimal with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def name_of(name: x509.Name) -> str:
    """As RFC 4514 writes it, on one line."""
    return _line(name.rfc4514_string())


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    return tuple(_line(str(entry.value)) for entry in extension.value)[:_MOST_NAMES]


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:_LONGEST]
