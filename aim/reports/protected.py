"""The private keys that reports are signed with, for the change of master keys."""

from collections.abc import Mapping, Sequence

from aim.protected import Protected, register_protected
from aim.reports.models import SigningCertificate

_FIELDS = ("authority_key", "certificate_key")


def _read(row: SigningCertificate) -> Mapping[str, bytes]:
    return {field: bytes(getattr(row, field)) for field in _FIELDS}


def _write(row: SigningCertificate, anew: Mapping[str, bytes]) -> Sequence[str]:
    for field in _FIELDS:
        setattr(row, field, anew[field])
    return _FIELDS


register_protected(Protected("keys that sign reports", SigningCertificate.objects.all, _read, _write))
