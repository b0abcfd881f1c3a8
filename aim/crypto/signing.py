"""Signs requests as our agents do: for examples, the load generator and tests."""

import base64
import secrets
import time
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from aim.crypto.content_digest import content_digest
from aim.crypto.message_signatures import MAX_LIFETIME, TAG
from aim.crypto.public_keys import describe_key
from aim.crypto.signature_base import SignedMessage, signature_base
from aim.crypto.verifiers import ALGORITHMS, RSA_PSS_SHA512

PrivateKey = Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey
_COMPONENTS: Final = ("@method", "@authority", "@path", "@query", "content-digest")


class Signer:
    """A private key with the `keyid` that names it; made once, used for many requests."""

    def __init__(self, key: PrivateKey) -> None:
        info = describe_key(key.public_key())
        self.key = key
        self.keyid = info.thumbprint
        self.algorithms = ALGORITHMS[info.key_type]

    def sign(self, message: bytes, algorithm: str | None = None) -> bytes:
        """The signature in the form of RFC 9421 section 3.3; without `algorithm`, by the first of the key's type."""
        if algorithm is not None and algorithm not in self.algorithms:
            raise ValueError(f"The key cannot sign by {algorithm}")
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.key.sign(message, ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if algorithm == RSA_PSS_SHA512:
            return self.key.sign(message, PSS(mgf=MGF1(SHA512()), salt_length=64), SHA512())
        return self.key.sign(message, PKCS1v15(), SHA256())


def sign_request(
    signer: Signer,
    method: str,
    url: str,
    *,
    body: bytes = b"",
    created: int | None = None,
    nonce: str | None = None,
    algorithm: str | None = None,
) -> dict[str, str]:
    """The headers Content-Digest, Signature-Input and Signature for a request to an absolute `url`.

    `created` is in seconds since 1970, by default now; `nonce` is by default 128 random bits.
    """
    target = urlsplit(url)
    digest = content_digest(body)
    message = SignedMessage(
        method=method,
        scheme=target.scheme,
        authority=target.netloc.encode("ascii"),
        path=target.path.encode("ascii"),
        query=target.query.encode("ascii"),
        headers=[(b"content-digest", digest.encode("ascii"))],
        body=body,
    )
    signature_input, signature = sign_message(
        signer, message, _COMPONENTS, created=created, nonce=nonce, algorithm=algorithm
    )
    return {"Content-Digest": digest, "Signature-Input": signature_input, "Signature": signature}


def sign_message(
    signer: Signer,
    message: SignedMessage,
    components: tuple[str, ...],
    *,
    created: int | None = None,
    nonce: str | None = None,
    algorithm: str | None = None,
    label: str = "aim",
) -> tuple[str, str]:
    """The values of Signature-Input and Signature over chosen components of a whole message."""
    start = int(time.time()) if created is None else created
    names = " ".join(f'"{name}"' for name in components)
    parameters = (
        f"({names});created={start};expires={start + MAX_LIFETIME};"
        f'nonce="{nonce or secrets.token_urlsafe(16)}";keyid="{signer.keyid}"'
        + (f';alg="{algorithm}"' if algorithm else "")
        + f';tag="{TAG}"'
    )
    signature = base64.b64encode(signer.sign(signature_base(message, components, parameters), algorithm))
    return f"{label}={parameters}", f"{label}=:{signature.decode('ascii')}:"
