"""Signature checks by public key: prepared once per key, then only a yes or no."""

import binascii
from collections.abc import Callable
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from aim.crypto.public_keys import KeyType, PublicKeyInfo, load_key, read_stored_key

ED25519: Final = "ed25519"
ECDSA_P256_SHA256: Final = "ecdsa-p256-sha256"
RSA_V1_5_SHA256: Final = "rsa-v1_5-sha256"
RSA_PSS_SHA512: Final = "rsa-pss-sha512"

# RFC 9421 section 6.2.2. The first algorithm of a key type is meant when a signature names none.
ALGORITHMS: Final[dict[KeyType, tuple[str, ...]]] = {
    "ed25519": (ED25519,),
    "ecdsa-p256": (ECDSA_P256_SHA256,),
    "rsa": (RSA_V1_5_SHA256, RSA_PSS_SHA512),
}

# Ed25519 signatures are R‖S (RFC 8032), those of P-256 r‖s (RFC 9421 section 3.3.4); their DER form has 72 at most.
_SIGNATURE_BYTES = 64
_MAX_DER_BYTES = 72

_Check = Callable[[bytes, bytes], bool]
_ECDSA_SHA256 = ECDSA(SHA256())
_SHA256, _SHA512 = SHA256(), SHA512()
_PKCS1 = PKCS1v15()
# RFC 9421 section 3.3.1: the salt is 64 bytes, the mask generation function uses SHA-512.
_PSS = PSS(mgf=MGF1(SHA512()), salt_length=64)
_REFUSALS = (InvalidSignature, CryptoError, ValueError, TypeError, OverflowError, binascii.Error)


class Verifier:
    """One public key, ready to check signatures of the algorithms its type allows. Safe to share between threads."""

    __slots__ = ("_checks", "_der_check", "algorithms", "key_type", "thumbprint")

    def __init__(self, info: PublicKeyInfo) -> None:
        self.key_type = info.key_type
        self.thumbprint = info.thumbprint
        self.algorithms = ALGORITHMS[info.key_type]
        self._der_check: _Check | None = None
        key = load_key(info)
        checks: tuple[_Check, ...]
        if isinstance(key, Ed25519PublicKey):
            checks = (_ed25519_check(key),)
        elif isinstance(key, RSAPublicKey):
            checks = (_rsa_v1_5_check(key), _rsa_pss_check(key))
        else:
            checks = (_ecdsa_check(key),)
            self._der_check = _ecdsa_der_check(key)
        self._checks: dict[str, _Check] = dict(zip(self.algorithms, checks, strict=True))

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """The verifier of a key that was accepted and stored before; raises `InvalidPublicKeyError`."""
        return cls(read_stored_key(pem))

    def verify(self, signature: bytes, message: bytes, algorithm: str) -> bool:
        """Whether the signature is good. An algorithm that the key's type doesn't allow is False; nothing raises."""
        check = self._checks.get(algorithm)
        return check is not None and check(signature, message)

    def verify_ecdsa_der(self, signature: bytes, message: bytes) -> bool:
        """As `verify`, for a P-256 signature in the DER form (RFC 3279 section 2.2.3) that command-line tools write.

        HTTP message signatures are r‖s only; this form is for challenge statements.
        """
        return self._der_check is not None and self._der_check(signature, message)


def _ed25519_check(key: Ed25519PublicKey) -> _Check:
    point = key.public_bytes_raw()

    def check(signature: bytes, message: bytes) -> bool:
        if len(signature) != _SIGNATURE_BYTES:
            return False
        try:
            # libsodium refuses whatever OpenSSL refuses, and low-order points besides: the tests compare both.
            crypto_sign_open(signature + message, point)
        except _REFUSALS:
            return False
        return True

    return check


def _ecdsa_check(key: EllipticCurvePublicKey) -> _Check:
    def check(signature: bytes, message: bytes) -> bool:
        if len(signature) != _SIGNATURE_BYTES:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            key.verify(encode_dss_signature(r, s), message, _ECDSA_SHA256)
        except _REFUSALS:
            return False
        return True

    return check


def _ecdsa_der_check(key: EllipticCurvePublicKey) -> _Check:
    def check(signature: bytes, message: bytes) -> bool:
        if len(signature) > _MAX_DER_BYTES:
            return False
        try:
            if encode_dss_signature(*decode_dss_signature(signature)) != signature:
                return False
            key.verify(signature, message, _ECDSA_SHA256)
        except _REFUSALS:
            return False
        return True

    return check


def _rsa_v1_5_check(key: RSAPublicKey) -> _Check:
    length = (key.key_size + 7) // 8

    def check(signature: bytes, message: bytes) -> bool:
        if len(signature) != length:
            return False
        try:
            key.verify(signature, message, _PKCS1, _SHA256)
        except _REFUSALS:
            return False
        return True

    return check


def _rsa_pss_check(key: RSAPublicKey) -> _Check:
    length = (key.key_size + 7) // 8

    def check(signature: bytes, message: bytes) -> bool:
        if len(signature) != length:
            return False
        try:
            key.verify(signature, message, _PSS, _SHA512)
        except _REFUSALS:
            return False
        return True

    return check
