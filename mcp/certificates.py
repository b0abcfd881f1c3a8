"""What of an X.509 certificate is kept and shown, and how near its end is. All in it was written by strangers."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from aim import clock

TOLD_DAYS: Final = 30
"""So many days before its end, people are told of a certificate."""
WARNED_DAYS: Final = 7
"""So many days before its end, they are warned of it."""
_DAY = timedelta(days=1)
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


@dataclass(frozen=True, slots=True)
class Ending:
    """How near a certificate's end is. `days` are those left, one that has begun counts; 0 where it has ended.

    `state` is `valid` while there are more than 30 days, `soon` to the 30th, `urgent` to the 7th, then `expired`.
    """

    state: Literal["valid", "soon", "urgent", "expired"]
    days: int

    @property
    def tone(self) -> str:
        """The colour that every page has for it; the words beside it say the same."""
        return {"valid": "allowed", "soon": "pending"}.get(self.state, "denied")


def ending_of(not_after: datetime, at: datetime | None = None) -> Ending:
    """The one rule by which certificates are coloured, told of and warned of; at the present moment without another."""
    left = not_after - (at or clock.now())
    if left <= timedelta():
        return Ending("expired", 0)
    days = math.ceil(left / _DAY)
    if left <= WARNED_DAYS * _DAY:
        return Ending("urgent", days)
    return Ending("soon" if left <= TOLD_DAYS * _DAY else "valid", days)


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
