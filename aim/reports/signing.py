"""The signature of an organization's reports: PAdES by a certificate of its own, made when it is first needed.

The authority is the organization's alone and lasts ten years, so that whoever has once been given its certificate can
check every report; the certificate below it is made anew before it ends. pyHanko is imported late: 1.5 seconds.
"""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID
from django.db import transaction

from aim import clock
from aim.encryption import decrypt, encrypt
from aim.reports.models import SigningCertificate

AUTHORITY_LIFE: Final = timedelta(days=3650)
CERTIFICATE_LIFE: Final = timedelta(days=730)
_RENEW_BEFORE: Final = timedelta(days=30)
_SKEW: Final = timedelta(minutes=5)
_LONGEST_NAME = 60


def certificate_for(organization_id: UUID, organization: str) -> SigningCertificate:
    """The organization's certificate, made or renewed where it is needed; two at once make one."""
    with transaction.atomic():
        row = SigningCertificate.objects.select_for_update().filter(organization_id=organization_id).first()
        if row is None:
            made = _first(organization_id, organization)
            row, _created = SigningCertificate.objects.get_or_create(
                organization_id=organization_id,
                defaults={
                    "authority_pem": made.authority_pem,
                    "authority_key": made.authority_key,
                    "certificate_pem": made.certificate_pem,
                    "certificate_key": made.certificate_key,
                    "not_after": made.not_after,
                },
            )
        elif row.not_after - clock.now() < _RENEW_BEFORE:
            _renew(row, organization)
        return row


def sign_pdf(content: bytes, row: SigningCertificate, *, reason: str) -> bytes:
    """The same pages with an invisible signature over all of them."""
    from asn1crypto.keys import PrivateKeyInfo  # noqa: PLC0415 - see above
    from asn1crypto.pem import unarmor  # noqa: PLC0415
    from asn1crypto.x509 import Certificate  # noqa: PLC0415
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415
    from pyhanko.sign import signers  # noqa: PLC0415
    from pyhanko.sign.fields import SigSeedSubFilter  # noqa: PLC0415
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

    def read(pem: str) -> Certificate:
        return Certificate.load(unarmor(pem.encode())[2])

    signer = signers.SimpleSigner(
        signing_cert=read(row.certificate_pem),
        signing_key=PrivateKeyInfo.load(decrypt(bytes(row.certificate_key))),
        cert_registry=SimpleCertificateStore.from_certs([read(row.authority_pem)]),  # type: ignore[no-untyped-call]
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Signature", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason=reason
    )
    signed = signers.PdfSigner(metadata, signer).sign_pdf(IncrementalPdfFileWriter(BytesIO(content)))
    result: bytes = signed.getvalue()
    return result


def _first(organization_id: UUID, organization: str) -> SigningCertificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = _name(organization, "AIM signing authority")
    authority = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    row = SigningCertificate(
        organization_id=organization_id,
        authority_pem=authority.public_bytes(Encoding.PEM).decode(),
        authority_key=_kept(key),
    )
    _issue(row, organization)
    return row


def _renew(row: SigningCertificate, organization: str) -> None:
    _issue(row, organization)
    row.save(update_fields=["certificate_pem", "certificate_key", "not_after", "renewed_at"])


def _issue(row: SigningCertificate, organization: str) -> None:
    authority = x509.load_pem_x509_certificate(row.authority_pem.encode())
    authority_key = load_der_private_key(decrypt(bytes(row.authority_key)), password=None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(organization, "AIM reports"), authority.subject, key, clock.now(), CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    row.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    row.certificate_key = _kept(key)
    row.not_after = certificate.not_valid_after_utc


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=not sign_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(organization: str, role: str) -> x509.Name:
    shown = "".join(c for c in organization if c.isprintable())[:_LONGEST_NAME] or "Organization"
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, shown), x509.NameAttribute(NameOID.COMMON_NAME, role)]
    )


def _kept(key: ec.EllipticCurvePrivateKey) -> bytes:
    return encrypt(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
