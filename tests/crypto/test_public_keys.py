import contextlib
import hashlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aim.crypto.public_keys import InvalidPublicKeyError, parse_public_key, read_stored_key
from tests.crypto import keys, rfc9421

pytestmark = pytest.mark.requirement("W2.6")
NOT_PEM = "Invalid public key format. Please upload valid PEM file."


def refusal(text, **kwargs):
    with pytest.raises(InvalidPublicKeyError) as raised:
        parse_public_key(text, **kwargs)
    assert raised.value.problems
    for sentence in raised.value.problems:
        assert re.fullmatch(r"[A-Z].*[.)]", sentence), sentence
    return raised.value


def spki_pem(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("key_type", keys.KEY_TYPES)
def test_an_honest_key_is_accepted_with_its_names(key_type):
    honest = keys.info(key_type)
    parsed = parse_public_key(honest.pem, declared_type=key_type)
    assert parsed == honest
    assert parsed.key_type == key_type
    assert parsed.fingerprint.replace(":", "").lower() == hashlib.sha256(parsed.der).hexdigest()
    assert len(parsed.fingerprint) == 95
    assert len(parsed.thumbprint) == 43
    assert read_stored_key(parsed.pem) == parsed


def test_thumbprint_is_that_of_rfc7638_and_rfc8037():
    key = parse_public_key(
        keys.ed25519_pem(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    )
    assert key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    ("text", "label"),
    [(rfc9421.RSA_B12, "RSA-2048"), (rfc9421.P256_B13, "ECDSA P-256"), (rfc9421.ED25519_B14, "Ed25519")],
)
@pytest.mark.parametrize(
    "dress",
    [str, str.encode, lambda text: "\n\t " + text + "\n\n", lambda text: text.replace("\n", "\r\n"), str.strip],
)
def test_white_space_around_the_block_and_crlf_are_accepted(text, label, dress):
    parsed = parse_public_key(dress(text))
    assert parsed.label == label
    assert parsed.pem == text


@pytest.mark.requirement("W2.9")
@pytest.mark.parametrize(
    "text",
    ["", b"", "hello", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE x@y", "\0" * 10, b"\xff\xfe\x00", "ключ",
     b"\x30\x2a\x30\x05", "---- BEGIN SSH2 PUBLIC KEY ----", "-----begin public key-----", "-----BEGIN-----"],
)  # fmt: skip
def test_text_that_is_no_pem_gets_the_sentence_of_the_document(text):
    error = refusal(text)
    assert (error.code, error.problems) == ("not_pem", (NOT_PEM,))


def other_blocks():
    private = keys.private_key("ed25519")
    pkcs8 = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sealed = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    openssh = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    pkcs1 = (
        keys.private_key("rsa").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(private, None)
    key = rfc9421.ED25519_B14
    body = key.splitlines()[1]
    return {
        "private": ("private_key", pkcs8),
        "private encrypted": ("private_key", sealed),
        "private OpenSSH": ("private_key", openssh),
        "private RSA": ("private_key", pkcs1),
        "public and private": ("private_key", key + pkcs8),
        "private and public": ("private_key", pkcs8 + key),
        "certificate": ("certificate", keys.pem(b"\x30\0", "CERTIFICATE")),
        "certificate request": ("certificate", request.public_bytes(Encoding.PEM).decode()),
        "two keys": ("several_keys", key + rfc9421.P256_B13),
        "one key twice": ("several_keys", key + key),
        "key and certificate": ("several_keys", key + keys.pem(b"\x30\0", "CERTIFICATE")),
        "PKCS#1": ("unsupported_format", rfc9421.RSA_PKCS1_B11),
        "curve parameters": ("unsupported_format", keys.pem(b"\x06\0", "EC PARAMETERS")),
        "other label": ("unsupported_format", keys.pem(b"\x30\0", "PGP PUBLIC KEY BLOCK")),
        "text before": ("unexpected_text", "Bag Attributes\n    friendlyName: key\n" + key),
        "text after": ("unexpected_text", key + "comment"),
        "byte order mark": ("unexpected_text", "\N{ZERO WIDTH NO-BREAK SPACE}" + key),
        "byte order mark in bytes": ("unexpected_text", b"\xef\xbb\xbf" + key.encode()),
        "NUL inside": ("unexpected_text", key.replace("M", "M\0", 1)),
        "NUL after": ("unexpected_text", key + "\0"),
        "bare CR": ("unexpected_text", key.replace("\n", "\r")),
        "headers": ("damaged", key.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1)),
        "space in the base64": ("damaged", key.replace("MCow", "MC ow")),
        "no END": ("damaged", key.partition("-----END")[0]),
        "other END": ("damaged", key.replace("END PUBLIC", "END PRIVATE")),
        "no base64": ("damaged", key.replace(body, "")),
        "cut base64": ("damaged", key.replace(body, body[:-4])),
        "no padding": ("damaged", key.replace(body, body[:-1])),
        "loose last bits": ("damaged", key.replace("0bs=", "0bt=")),
        "padding inside": ("damaged", key.replace(body, "MCo=" + body)),
        "huge": ("too_large", key + "\n" * 20_000),
    }


@pytest.mark.parametrize(("code", "text"), other_blocks().values(), ids=other_blocks())
def test_anything_but_one_public_key_is_refused_by_name(code, text):
    assert refusal(text).code == code


def point_on(curve):
    return ec.generate_private_key(curve).public_key()


def x962(form):
    return point_on(ec.SECP256R1()).public_bytes(Encoding.X962, form)


def explicit_p256():
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    point = x962(PublicFormat.UncompressedPoint)
    field = keys.tlv(0x30, bytes.fromhex("06072a8648ce3d0101"), keys.integer(prime))
    curve = keys.tlv(0x30, keys.tlv(4, (prime - 3).to_bytes(32, "big")), keys.tlv(4, b.to_bytes(32, "big")))
    # The generator is the attacker's choice (CVE-2020-0601): here it is the key itself.
    parameters = keys.tlv(0x30, keys.integer(1), field, curve, keys.tlv(4, point), keys.integer(order), keys.integer(1))
    return keys.pem(keys.spki(keys.EC_OID + parameters, point))


def p256(point):
    return keys.pem(keys.spki(keys.EC_OID + bytes.fromhex("06082a8648ce3d030107"), point))


@pytest.mark.parametrize(
    ("word", "make"),
    [
        ("P-384", lambda: spki_pem(point_on(ec.SECP384R1()))),
        ("P-521", lambda: spki_pem(point_on(ec.SECP521R1()))),
        ("secp256k1", lambda: spki_pem(point_on(ec.SECP256K1()))),
        ("brainpoolP256r1", lambda: spki_pem(point_on(ec.BrainpoolP256R1()))),
        ("parameters", explicit_p256),
        ("names no curve", lambda: keys.pem(keys.spki(keys.EC_OID, b"\4" + bytes(64)))),
        ("1.2.3.4", lambda: keys.pem(keys.spki(keys.EC_OID + bytes.fromhex("06032a0304"), b"\4" + bytes(64)))),
        ("compressed", lambda: p256(x962(PublicFormat.CompressedPoint))),
        ("damaged", lambda: p256(b"\4" + bytes(63) + b"\1")),
        ("damaged", lambda: p256(b"\0")),
        ("damaged", lambda: p256(b"\4" + b"\xff" * 64)),
        ("Ed448", lambda: spki_pem(ed448.Ed448PrivateKey.generate().public_key())),
        ("X25519", lambda: spki_pem(x25519.X25519PrivateKey.generate().public_key())),
        ("DSA", lambda: spki_pem(dsa.generate_private_key(1024).public_key())),
        ("RSASSA-PSS", lambda: keys.pem(keys.spki(bytes.fromhex("06092a864886f70d01010a"), b"\x30\0"))),
        ("1.2.3", lambda: keys.pem(keys.spki(bytes.fromhex("06022a03"), b"\x30\0"))),
    ],
)  # fmt: skip
def test_other_algorithms_and_curves_are_refused_by_name(word, make):
    assert word in " ".join(refusal(make()).problems)


@pytest.mark.parametrize(
    ("declared", "key_type", "sentence"),
    [
        ("ed25519", "rsa", "The key is RSA-2048, not Ed25519."),
        ("rsa-4096", "rsa", "The key is RSA-2048, not RSA-4096."),
        ("RSA", "ed25519", "The key is Ed25519, not RSA."),
        ("rsa-2048", "ecdsa-p256", "The key is ECDSA P-256, not RSA-2048."),
        ("Ed25519", "ecdsa-p256", "The key is ECDSA P-256, not Ed25519."),
    ],
)
def test_the_declared_type_must_match(declared, key_type, sentence):
    error = refusal(keys.info(key_type).pem, declared_type=declared)
    assert (error.code, error.problems) == ("type_mismatch", (sentence,))


@pytest.mark.parametrize("declared", ["rsa", "RSA-2048", "rsa-2048", "", None])
def test_matching_declarations(declared):
    assert parse_public_key(keys.info("rsa").pem, declared_type=declared).label == "RSA-2048"


def test_an_unknown_declaration_is_refused():
    assert "unknown" in refusal(keys.info().pem, declared_type="dilithium").problems[0]


def encodings():
    point = keys.info().der[12:]
    modulus = keys.modulus(rfc9421.RSA_B12)
    numbers = keys.tlv(0x30, keys.integer(modulus), keys.integer(65537))
    der = keys.info().der
    return {
        "parameters NULL on Ed25519": keys.spki(keys.ED25519_ALGORITHM + b"\5\0", point),
        "no NULL on RSA": keys.spki(keys.RSA_ALGORITHM[:-2], numbers),
        "trailing byte": der + b"\0",
        "trailing byte inside": keys.spki(keys.RSA_ALGORITHM, numbers + b"\0"),
        "long-form length": b"\x30\x81" + der[1:],
        "indefinite length": b"\x30\x80" + der[2:] + b"\0\0",
        "too long a length": b"\x30\x2b" + der[2:],
        "too short a length": b"\x30\x29" + der[2:],
        "unused bits": der[:11] + b"\1" + der[12:],
        "short point": keys.spki(keys.ED25519_ALGORITHM, point[:-1]),
        "long point": keys.spki(keys.ED25519_ALGORITHM, point + b"\0"),
        "padded modulus": keys.spki(
            keys.RSA_ALGORITHM,
            keys.tlv(0x30, keys.tlv(2, b"\0\0" + modulus.to_bytes(256, "big")), keys.integer(65537)),
        ),
        "negative modulus": keys.spki(
            keys.RSA_ALGORITHM, keys.tlv(0x30, keys.tlv(2, modulus.to_bytes(256, "big")), keys.integer(65537))
        ),
        "three numbers": keys.spki(keys.RSA_ALGORITHM, keys.tlv(0x30, *[keys.integer(modulus)] * 3)),
        "empty": b"\x30\0",
        "one byte": b"\x30",
        "no sequence": b"\4\2\0\0",
        "huge length": b"\x30\x84\x7f\xff\xff\xff",
        "nested": b"\x30\x80" * 200,
    }


@pytest.mark.parametrize("der", encodings().values(), ids=encodings())
def test_any_other_encoding_is_refused(der):
    assert refusal(keys.pem(der)).code in {"damaged", "not_canonical"}


@given(st.sampled_from(keys.KEY_TYPES), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_der_is_refused_or_another_honest_looking_key(key_type, data):
    der = bytearray(keys.info(key_type).der)
    for _ in range(data.draw(st.integers(1, 3))):
        # The head holds all structure; the key's own digits are other tests' matter.
        der[data.draw(st.integers(0, 38))] = data.draw(st.integers(0, 255))
    accepted = None
    with contextlib.suppress(InvalidPublicKeyError):
        accepted = read_stored_key(keys.pem(bytes(der)))
    assert accepted is None or accepted.der == bytes(der)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_hostile_text_never_raises_anything_else(text, framed):
    if framed:
        begin, end = "-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----"
        text = begin + text + end if isinstance(text, str) else begin.encode() + text + end.encode()
    with pytest.raises(InvalidPublicKeyError):
        parse_public_key(text)
