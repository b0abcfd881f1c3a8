from base64 import b64encode, encodebytes
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.crypto.challenges import build_statement, verify_statement_signature
from tests.crypto import keys

pytestmark = pytest.mark.requirement("W2.6")
ISSUED = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "audience": "https://aim.example",
    "organization_id": "org_1",
    "subject_id": "agt_1",
    "nonce": "n" * 43,
    "issued": ISSUED,
    "expires": ISSUED + timedelta(seconds=60),
}
STATEMENT = build_statement(**VALUES)


def test_the_statement_is_these_bytes():
    assert build_statement(**VALUES, url="https://mcp.example/verify").splitlines() == [
        "aim-challenge-v1",
        "audience: https://aim.example",
        "organization: org_1",
        "subject: agt_1",
        "url: https://mcp.example/verify",
        "nonce: " + "n" * 43,
        "issued: 2026-11-23T16:30:00.000Z",
        "expires: 2026-11-23T16:31:00.000Z",
    ]
    assert not STATEMENT.endswith("\n")
    assert "url" not in STATEMENT


@pytest.mark.parametrize("name", ["audience", "organization_id", "subject_id", "nonce", "url"])
@pytest.mark.parametrize("value", ["", "a\nsubject: agt_2", "a\r", "a\0", "ä", "\N{LINE SEPARATOR}", " a", "a "])
def test_no_value_can_add_a_line(name, value):
    with pytest.raises(ValueError, match="printable ASCII"):
        build_statement(**{**VALUES, name: value})


@pytest.mark.parametrize(
    ("key_type", "algorithm"),
    [("ed25519", None), ("ed25519", "ed25519"), ("rsa", None), ("rsa", "rsa-v1_5-sha256"), ("rsa", "rsa-pss-sha512"),
     ("ecdsa-p256", None), ("ecdsa-p256", "ecdsa-p256-sha256")],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [b64encode, encodebytes])
def test_a_signed_statement_proves_the_key_and_nothing_else(key_type, algorithm, wrap):
    signature = wrap(keys.signer(key_type).sign(STATEMENT.encode(), algorithm)).decode()
    assert verify_statement_signature(keys.verifier(key_type), STATEMENT, signature, algorithm)
    assert not verify_statement_signature(keys.verifier(key_type), STATEMENT + "\n", signature, algorithm)
    for change in ({"audience": "https://evil.example"}, {"subject_id": "agt_2"}, {"url": "https://x.example"}):
        other = build_statement(**{**VALUES, **change})
        assert not verify_statement_signature(keys.verifier(key_type), other, signature, algorithm)


def test_p256_in_der_is_accepted():
    der = keys.private_key("ecdsa-p256").sign(STATEMENT.encode(), ECDSA(SHA256()))
    assert verify_statement_signature(keys.verifier("ecdsa-p256"), STATEMENT, b64encode(der).decode())


def test_the_algorithm_must_be_one_of_the_keys():
    pss = b64encode(keys.signer("rsa").sign(STATEMENT.encode(), "rsa-pss-sha512")).decode()
    assert not verify_statement_signature(keys.verifier("rsa"), STATEMENT, pss)
    assert not verify_statement_signature(keys.verifier("rsa"), STATEMENT, pss, "rsa-v1_5-sha256")
    plain = b64encode(keys.signer().sign(STATEMENT.encode())).decode()
    for algorithm in ("none", "rsa-pss-sha512", "ecdsa-p256-sha256", "hmac-sha256", "ED25519"):
        assert not verify_statement_signature(keys.verifier(), STATEMENT, plain, algorithm)


@given(st.text(max_size=1200), st.text(max_size=100), st.one_of(st.none(), st.text(max_size=20)))
@settings(max_examples=200, deadline=None)
def test_hostile_values_never_raise_and_never_verify(signature, statement, algorithm):
    for key_type in keys.KEY_TYPES:
        assert not verify_statement_signature(keys.verifier(key_type), statement, signature, algorithm)


@pytest.mark.parametrize("signature", ["", "=", "A", "AA==", "é", "A" * 5000, "\ud800", "-_-_" * 20])
def test_what_is_no_signature_is_refused(signature):
    assert not verify_statement_signature(keys.verifier(), STATEMENT, signature)
    assert not verify_statement_signature(keys.verifier(), "\ud800", signature)
