"""A report's signature: PAdES, over the whole file, by the organization's own authority, broken by one flipped byte."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
import time_machine
from asn1crypto.pem import unarmor
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from aim.encryption import decrypt
from aim.ids import uuid7
from aim.reports.documents import Check, Checks, Document, Fact, Facts, Heading, Score, Table, Text
from aim.reports.models import SigningCertificate
from aim.reports.pdf import lay_out
from aim.reports.signing import certificate_for, sign_pdf

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOSTILE = "<b>bold</b> & \u202egnp.exe 日本 ✓ {{ 7 }}"


def document(rows=120):
    return Document(
        title=f"Report of {HOSTILE}",
        subtitle="of a test",
        organization="Müller & Söhne GmbH",
        id="rep_1",
        made_at=NOW,
        made_by="somebody@example.com",
        blocks=[
            Facts([Fact("Name", HOSTILE), Fact("Key", f"AA:BB {HOSTILE}\nsecond line", mono=True)]),
            Heading(HOSTILE),
            Text(HOSTILE, quiet=True),
            Table(["A", "B"], [[HOSTILE, "x" * 400] for _ in range(rows)], [1, 2], frozenset({1})),
            Table(["A"], [], [1], empty="Nothing."),
            Checks([Check("One", True), Check("Two", False, HOSTILE), Check("Three", None)]),
            Score(95, 100, "excellent", [("Part", 20, 25)]),
        ],
    )


def judged(content, row):
    root = Certificate.load(unarmor(row.authority_pem.encode())[2])
    signature = PdfFileReader(BytesIO(content)).embedded_signatures[0]
    return validate_pdf_signature(signature, ValidationContext(trust_roots=[root], allow_fetching=False))


@pytest.mark.requirement("W10.5")
def test_a_signed_report_is_trusted_by_whoever_has_the_authority_and_a_flipped_byte_shows():
    row = certificate_for(uuid7(), "Müller & Söhne GmbH")
    signed = sign_pdf(lay_out(document()), row, reason="A test")
    status = judged(signed, row)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.md_algorithm == "sha256"
    place = signed.index(b"/Title") + 10
    flipped = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    assert judged(flipped, row).intact is False
    stranger = certificate_for(uuid7(), "Stranger")
    assert judged(signed, stranger).trusted is False


@pytest.mark.requirement("W10.5")
def test_the_keys_are_encrypted_and_the_certificate_is_renewed_below_the_same_authority():
    organization = uuid7()
    first = certificate_for(organization, "Example")
    assert certificate_for(organization, "Example").certificate_pem == first.certificate_pem
    stored = SigningCertificate.objects.get(organization_id=organization)
    assert bytes(stored.certificate_key) != decrypt(bytes(stored.certificate_key))
    with time_machine.travel(first.not_after - timedelta(days=29)):
        later = certificate_for(organization, "Example")
        assert later.authority_pem == first.authority_pem
        assert later.certificate_pem != first.certificate_pem
        signed = sign_pdf(lay_out(document(1)), later, reason="A test")
        assert judged(signed, first).trusted is True


def test_two_organizations_have_nothing_in_common():
    one, other = certificate_for(uuid7(), "Example"), certificate_for(uuid7(), "Example")
    assert one.authority_pem != other.authority_pem
