"""Keys for the tests: honest ones, once per process, and the DER and curve arithmetic that hostile ones need."""

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from aim.crypto.public_keys import describe_key
from aim.crypto.signing import Signer
from aim.crypto.verifiers import Verifier

KEY_TYPES = ("ed25519", "ecdsa-p256", "rsa")


@cache
def private_key(key_type):
    if key_type == "ed25519":
        return Ed25519PrivateKey.generate()
    return generate_private_key(SECP256R1()) if key_type == "ecdsa-p256" else generate_rsa_key(65537, 2048)


@cache
def signer(key_type="ed25519"):
    return Signer(private_key(key_type))


@cache
def verifier(key_type="ed25519"):
    return Verifier(info(key_type))


@cache
def info(key_type="ed25519"):
    return describe_key(private_key(key_type).public_key())


def pem(der, label="PUBLIC KEY"):
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def tlv(tag, *contents):
    content = b"".join(contents)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    digits = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def integer(number):
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def spki(algorithm, key):
    return tlv(0x30, tlv(0x30, algorithm), tlv(0x03, b"\0" + key))


RSA_ALGORITHM = bytes.fromhex("06092a864886f70d0101010500")
ED25519_ALGORITHM = bytes.fromhex("06032b6570")
EC_OID = bytes.fromhex("06072a8648ce3d0201")


def modulus(text):
    key = load_pem_public_key(text.encode())
    assert isinstance(key, RSAPublicKey)
    return key.public_numbers().n


def rsa_pem(number, exponent=65537):
    return pem(spki(RSA_ALGORITHM, tlv(0x30, integer(number), integer(exponent))))


def ed25519_pem(point):
    return pem(spki(ED25519_ALGORITHM, point))


# The Edwards curve of RFC 8032 section 5.1, slowly and from its definition.
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, PRIME) % PRIME


def add(left, right):
    (x1, y1), (x2, y2) = left, right
    cross = _D * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, PRIME) % PRIME
    return x, (y1 * y2 + x1 * x2) * pow(1 - cross, -1, PRIME) % PRIME


def multiply(factor, point):
    result = (0, 1)
    while factor:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def recover(y):
    """The point with this y and an even x, or None."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (x * x - square) % PRIME:
        return None
    return (x if x % 2 == 0 else PRIME - x), y


BASE_POINT = recover(4 * pow(5, -1, PRIME) % PRIME)


@cache
def torsion_point():
    """A point of order eight."""
    for y in range(2, 100):
        point = recover(y)
        if point is not None and multiply(4, multiply(ORDER, point)) != (0, 1):
            return multiply(ORDER, point)
    raise AssertionError


def ed25519_hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER
