import os

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from aim.crypto.public_keys import PublicKeyObject, describe_key
from aim.crypto.verifiers import ALGORITHMS, Verifier
from tests.crypto import keys, rfc9421

pytestmark = pytest.mark.requirement("W4.2")
MESSAGE = b"a message"
ALL = [(key_type, algorithm) for key_type, algorithms in ALGORITHMS.items() for algorithm in algorithms]
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(("key_type", "algorithm"), ALL)
def test_a_good_signature_of_the_keys_own_algorithm_only(key_type, algorithm):
    signature = keys.signer(key_type).sign(MESSAGE, algorithm)
    verifier = Verifier.from_pem(keys.info(key_type).pem)
    assert verifier.verify(signature, MESSAGE, algorithm)
    for _, other in ALL:
        assert verifier.verify(signature, MESSAGE, other) == (other == algorithm)
    for other_type in keys.KEY_TYPES:
        if other_type != key_type:
            assert not keys.verifier(other_type).verify(signature, MESSAGE, algorithm)


@pytest.mark.parametrize(("key_type", "algorithm"), ALL)
def test_every_flipped_bit_is_noticed(key_type, algorithm):
    signature = keys.signer(key_type).sign(MESSAGE, algorithm)
    for index in range(len(signature)):
        damaged = bytearray(signature)
        damaged[index] ^= 1 << index % 8
        assert not keys.verifier(key_type).verify(bytes(damaged), MESSAGE, algorithm)


@pytest.mark.parametrize(("key_type", "algorithm"), ALL)
@pytest.mark.parametrize("change", [
    lambda _: b"", lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"\0" + s, lambda s: bytes(len(s)),
    lambda s: b"\xff" * len(s), lambda s: s[::-1], lambda s: s * 2, lambda s: s * 10_000,
])  # fmt: skip
def test_values_of_another_shape_are_false(key_type, algorithm, change):
    signature = change(keys.signer(key_type).sign(MESSAGE, algorithm))
    assert not keys.verifier(key_type).verify(signature, MESSAGE, algorithm)
    assert not keys.verifier(key_type).verify_ecdsa_der(signature, MESSAGE)


@given(st.binary(max_size=600), st.binary(max_size=50), st.one_of(st.text(), st.sampled_from([a for _, a in ALL])))
@settings(max_examples=150, deadline=None)
def test_hostile_values_are_false_and_never_raise(signature, message, algorithm):
    for key_type in keys.KEY_TYPES:
        assert keys.verifier(key_type).verify(signature, message, algorithm) is False
        assert keys.verifier(key_type).verify_ecdsa_der(signature, message) is False


def test_p256_takes_der_only_where_asked_and_only_canonical():
    verifier, key = keys.verifier("ecdsa-p256"), keys.private_key("ecdsa-p256")
    der = key.sign(MESSAGE, ECDSA(SHA256()))
    assert verifier.verify_ecdsa_der(der, MESSAGE)
    assert not verifier.verify(der, MESSAGE, "ecdsa-p256-sha256")
    assert not keys.verifier().verify_ecdsa_der(der, MESSAGE)
    assert not verifier.verify_ecdsa_der(der + b"\0", MESSAGE)
    assert not verifier.verify_ecdsa_der(b"\x30\x81" + der[1:], MESSAGE)
    r, s = decode_dss_signature(der)
    for bad in [(0, s), (r, 0), (r, P256_ORDER), (P256_ORDER, s)]:
        assert not verifier.verify_ecdsa_der(encode_dss_signature(*bad), MESSAGE)
        assert not verifier.verify(b"".join(n.to_bytes(32, "big") for n in bad), MESSAGE, "ecdsa-p256-sha256")


@pytest.mark.parametrize("salt", [0, 32, 63])
def test_pss_demands_the_salt_of_rfc9421(salt):
    signature = keys.private_key("rsa").sign(MESSAGE, PSS(MGF1(SHA512()), salt), SHA512())
    assert not keys.verifier("rsa").verify(signature, MESSAGE, "rsa-pss-sha512")


def rfc_verifier(pem):
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, PublicKeyObject)
    return Verifier(describe_key(key))


def test_rfc9421_vectors_that_our_profile_has_no_request_for():
    base = f'"@signature-params": {rfc9421.B21_PARAMETERS}'.encode()
    assert rfc_verifier(rfc9421.RSA_B12).verify(rfc9421.B21, base, "rsa-pss-sha512")
    assert rfc_verifier(rfc9421.P256_B13).verify(rfc9421.B24, rfc9421.B24_BASE, "ecdsa-p256-sha256")
    assert not rfc_verifier(rfc9421.RSA_PKCS1_B11).verify(rfc9421.B21, base, "rsa-pss-sha512")


def openssl(point, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(point).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sodium(point, message, signature):
    verifier = Verifier(describe_key(Ed25519PublicKey.from_public_bytes(point)))
    return verifier.verify(signature, message, "ed25519")


def crafted(*, key_torsion=0, nonce_torsion=0):
    """A signature by an owner who puts points of small order into key and nonce (Chalkias et al., 2020)."""
    secret, nonce, message = (int.from_bytes(os.urandom(32)) % keys.ORDER for _ in range(3))
    torsion = keys.torsion_point()
    key = keys.add(keys.multiply(secret, keys.BASE_POINT), keys.multiply(key_torsion, torsion))
    commitment = keys.add(keys.multiply(nonce, keys.BASE_POINT), keys.multiply(nonce_torsion, torsion))
    point, start, text = keys.encode(key), keys.encode(commitment), message.to_bytes(32)
    proof = (nonce + keys.ed25519_hash(start, point, text) * secret) % keys.ORDER
    return point, text, start + proof.to_bytes(32, "little")


def test_libsodium_refuses_all_that_openssl_refuses():
    accepted = 0
    for key_torsion in range(8):
        for nonce_torsion in range(8):
            case = crafted(key_torsion=key_torsion, nonce_torsion=nonce_torsion)
            assert sodium(*case) <= openssl(*case)
            accepted += sodium(*case)
    assert accepted >= 1
    assert sodium(*crafted())
    assert not sodium(*crafted(nonce_torsion=1))


def test_libsodium_refuses_a_scalar_beyond_the_order():
    point, message, signature = crafted()
    beyond = (int.from_bytes(signature[32:], "little") + keys.ORDER).to_bytes(32, "little")
    assert not sodium(point, message, signature[:32] + beyond)
    assert not openssl(point, message, signature[:32] + beyond)


def test_libsodium_refuses_every_low_order_key_and_commitment():
    # With such keys OpenSSL accepts one signature for many messages.
    lenient = 0
    for multiple in range(8):
        point = keys.encode(keys.multiply(multiple, keys.torsion_point()))
        for other in range(8):
            signature = keys.encode(keys.multiply(other, keys.torsion_point())) + bytes(32)
            for message in (b"1", b"2", b"3"):
                assert not sodium(point, message, signature)
                lenient += openssl(point, message, signature)
    assert lenient
