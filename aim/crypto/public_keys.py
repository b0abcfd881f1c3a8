"""Public keys as people register them: what is accepted, how it is named, and why anything else is refused."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from django.utils.translation import gettext

from aim.crypto import der as der_reader
from aim.crypto.pem import read_public_key_block
from aim.crypto.problems import InvalidPublicKeyError as InvalidPublicKeyError
from aim.crypto.weak_keys import RSA_EXPONENT, RSA_MAX_BITS, RSA_MIN_BITS, ed25519_problems, rsa_problems

KeyType = Literal["ed25519", "rsa", "ecdsa-p256"]
PublicKeyObject = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey

_RSA, _EC, _ED25519, _P256 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112", "1.2.840.10045.3.1.7"
_CURVES: Final = {
    "1.2.840.10045.3.1.1": "P-192",
    "1.3.132.0.10": "secp256k1",
    "1.3.132.0.33": "P-224",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
    "1.2.156.10197.1.301": "SM2",
}
_DECLARED: Final = {
    "ed25519": "Ed25519",
    "rsa": "RSA",
    "rsa-2048": "RSA-2048",
    "rsa-4096": "RSA-4096",
    "ecdsa-p256": "ECDSA P-256",
}


@dataclass(frozen=True, slots=True)
class PublicKeyInfo:
    """An accepted public key and its names.

    `pem` and `der` are the canonical SubjectPublicKeyInfo; `fingerprint` is the SHA-256 of `der` in upper-case colon
    hex; `thumbprint` is the JWK SHA-256 thumbprint of RFC 7638 in base64url without padding.
    """

    key_type: KeyType
    bits: int
    pem: str
    der: bytes
    fingerprint: str
    thumbprint: str

    @property
    def label(self) -> str:
        """The name people know: `Ed25519`, `RSA-2048`, `ECDSA P-256`."""
        return f"RSA-{self.bits}" if self.key_type == "rsa" else _DECLARED[self.key_type]


def parse_public_key(text: str | bytes, *, declared_type: str | None = None) -> PublicKeyInfo:
    """Read and judge one pasted or uploaded public key; raises `InvalidPublicKeyError` with every problem found.

    `declared_type`, in any case, is ed25519, rsa, rsa-2048, rsa-4096 or ecdsa-p256; empty or None means not declared.
    The weakness search takes 50 to 300 ms for RSA, so a key is judged once, at registration; see `read_stored_key`.
    """
    info, key = _read(read_public_key_block(text))
    weaknesses: list[str] = []
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        weaknesses = rsa_problems(numbers.n, numbers.e)
    elif isinstance(key, Ed25519PublicKey):
        weaknesses = ed25519_problems(key.public_bytes_raw())
    mismatch = _type_mismatch(info, declared_type)
    if weaknesses or mismatch:
        raise InvalidPublicKeyError("weak_key" if weaknesses else "type_mismatch", *weaknesses, *mismatch)
    return info


def read_stored_key(pem: str) -> PublicKeyInfo:
    """A key that `parse_public_key` accepted before, without the search for weaknesses (well under 1 ms)."""
    return _read(read_public_key_block(pem))[0]


def load_key(info: PublicKeyInfo) -> PublicKeyObject:
    """The key as `cryptography` works with it."""
    return _load(info.der)


def describe_key(key: PublicKeyObject) -> PublicKeyInfo:
    """The names of a key that is at hand already, such as the public half of one's own private key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    key_type, bits, jwk = _identify(key)
    canonical_jwk = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return PublicKeyInfo(
        key_type=key_type,
        bits=bits,
        pem=pem,
        der=der,
        fingerprint=hashlib.sha256(der).digest().hex(":").upper(),
        thumbprint=_base64url(hashlib.sha256(canonical_jwk).digest()),
    )


def _read(der: bytes) -> tuple[PublicKeyInfo, PublicKeyObject]:
    _refuse_unsupported(der)
    key = _load(der)
    info = describe_key(key)
    if info.der != der:
        sentence = gettext(
            "The key is not encoded in canonical DER; export it again with `openssl pkey -pubin -in key.pem -pubout`."
        )
        raise InvalidPublicKeyError("not_canonical", sentence)
    return info, key


def _refuse_unsupported(der: bytes) -> None:
    """Judge the algorithm identifier (RFC 5280 section 4.1.2.7) by ourselves, so that every refusal has a name."""
    try:
        identifier, bits = der_reader.read_sequence(der)
        if identifier.tag != der_reader.SEQUENCE or bits.tag != der_reader.BIT_STRING or bits.content[:1] != b"\0":
            _refuse("damaged", _damaged())
        algorithm, *parameters = der_reader.read_all(identifier.content)
        oid = der_reader.read_object_identifier(algorithm)
        if oid == _EC:
            _refuse_curve(parameters, bits.content[1:])
        elif oid == _RSA:
            _refuse_plainly_weak_rsa(bits.content[1:])
        elif oid != _ED25519:
            _refuse("unsupported_algorithm", _unsupported(oid))
    except InvalidPublicKeyError:
        raise
    except ValueError:
        raise InvalidPublicKeyError("damaged", _damaged()) from None


def _damaged() -> str:
    return gettext(
        "The PEM block does not hold a public key in SubjectPublicKeyInfo form; it may be damaged or cut off."
    )


def _unsupported(oid: str) -> str:
    sentences = {
        "1.2.840.113549.1.1.10": gettext(
            "The algorithm identifier limits this RSA key to RSASSA-PSS; export it as a plain RSA key (rsaEncryption)."
        ),
        "1.3.101.113": gettext("Ed448 keys are not supported; use Ed25519."),
        "1.3.101.110": gettext("X25519 keys cannot sign; use Ed25519."),
        "1.3.101.111": gettext("X448 keys cannot sign; use Ed25519."),
        "1.2.840.10040.4.1": gettext("DSA keys are not supported; use Ed25519, ECDSA P-256 or RSA."),
        "1.2.840.113549.1.3.1": gettext("Diffie-Hellman keys cannot sign; use Ed25519, ECDSA P-256 or RSA."),
    }
    unknown = gettext("Keys of the algorithm %(oid)s are not supported; use Ed25519, ECDSA P-256 or RSA.")
    return sentences.get(oid) or unknown % {"oid": oid}


def _refuse_curve(parameters: list[der_reader.Element], point: bytes) -> None:
    if len(parameters) != 1:
        _refuse("unsupported_curve", gettext("The elliptic-curve key names no curve; use a key that names P-256."))
    if parameters[0].tag == der_reader.SEQUENCE:
        _refuse(
            "unsupported_curve",
            gettext(
                "The key spells out its curve's parameters; export it with the curve's name"
                " (`openssl ec -param_enc named_curve`)."
            ),
        )
    oid = der_reader.read_object_identifier(parameters[0])
    if oid != _P256:
        _refuse(
            "unsupported_curve",
            gettext("The curve %(name)s is not supported; use ECDSA P-256.") % {"name": _CURVES.get(oid, oid)},
        )
    if point[:1] in {b"\2", b"\3"}:
        _refuse(
            "unsupported_format",
            gettext("The key's point is compressed; export it with `openssl ec -conv_form uncompressed`."),
        )


def _refuse_plainly_weak_rsa(key: bytes) -> None:
    modulus, exponent = map(der_reader.read_positive_integer, der_reader.read_sequence(key))
    # The library refuses some of these without saying why, so they are judged before it sees them.
    if modulus % 2 == 0 or exponent != RSA_EXPONENT or not RSA_MIN_BITS <= modulus.bit_length() <= RSA_MAX_BITS:
        raise InvalidPublicKeyError("weak_key", *rsa_problems(modulus, exponent))


def _load(der: bytes) -> PublicKeyObject:
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidPublicKeyError("damaged", _damaged()) from None
    if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, SECP256R1):
        _refuse(
            "unsupported_curve",
            gettext("The curve %(name)s is not supported; use ECDSA P-256.") % {"name": key.curve.name},
        )
    if not isinstance(key, PublicKeyObject):
        _refuse(
            "unsupported_algorithm",
            gettext("Keys of this algorithm are not supported; use Ed25519, ECDSA P-256 or RSA."),
        )
    return key


def _identify(key: PublicKeyObject) -> tuple[KeyType, int, dict[str, str]]:
    if isinstance(key, Ed25519PublicKey):
        return "ed25519", 256, {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        return "rsa", key.key_size, {"e": _base64url_number(numbers.e), "kty": "RSA", "n": _base64url_number(numbers.n)}
    point = key.public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return "ecdsa-p256", 256, {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _type_mismatch(info: PublicKeyInfo, declared_type: str | None) -> list[str]:
    if not declared_type:
        return []
    declared = declared_type.lower()
    if declared not in _DECLARED:
        return [
            gettext("The declared key type is unknown; use one of %(choices)s.") % {"choices": ", ".join(_DECLARED)}
        ]
    if declared in {info.key_type, info.label.lower()}:
        return []
    return [gettext("The key is %(label)s, not %(declared)s.") % {"label": info.label, "declared": _DECLARED[declared]}]


def _refuse(code: str, message: str) -> NoReturn:
    raise InvalidPublicKeyError(code, message)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _base64url_number(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
