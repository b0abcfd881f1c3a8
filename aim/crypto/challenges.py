"""Challenge statements: what the holder of a private key signs to prove it, and the check of that signature."""

import base64
import binascii
from datetime import datetime
from typing import Final

from aim.clock import show_time
from aim.crypto.verifiers import Verifier

#: The first line of every statement. It keeps a signed statement from being taken for any other signed text of ours:
#: the base of an HTTP message signature always starts with a quotation mark.
STATEMENT_TAG: Final = "aim-challenge-v1"
_MAX_SIGNATURE_TEXT: Final = 1024


def build_statement(
    *,
    audience: str,
    organization_id: str,
    subject_id: str,
    nonce: str,
    issued: datetime,
    expires: datetime,
    url: str | None = None,
    next_key: str | None = None,
) -> str:
    """The text to sign: the tag, then one `name: value` a line, without a line break at the end.

    `audience` is our own origin, `subject_id` the agent or server, `url` the registered address of a server, `next_key`
    the RFC 7638 thumbprint of the key that is to take the signing key's place, where the signature agrees to that. The
    text names them all, so that a signature obtained for one purpose proves nothing elsewhere. Raises `ValueError` for
    a value that is empty or not one line of printable ASCII.
    """
    lines = {
        "audience": audience,
        "organization": organization_id,
        "subject": subject_id,
        **({} if url is None else {"url": url}),
        **({} if next_key is None else {"next_key": next_key}),
        "nonce": nonce,
        "issued": show_time(issued),
        "expires": show_time(expires),
    }
    for name, value in lines.items():
        if not value or not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValueError(f"The statement's {name} must be one line of printable ASCII")
    return "\n".join([STATEMENT_TAG, *(f"{name}: {value}" for name, value in lines.items())])


def verify_statement_signature(
    verifier: Verifier, statement: str, signature_b64: str, algorithm: str | None = None
) -> bool:
    """Whether `signature_b64` (standard base64) is the key's signature of the statement's UTF-8 bytes.

    Without `algorithm`: Ed25519, RSA PKCS#1 v1.5 with SHA-256, or P-256 with SHA-256 as r‖s or DER. Never raises.
    """
    chosen = algorithm or verifier.algorithms[0]
    signature = _signature_bytes(signature_b64)
    if chosen not in verifier.algorithms or signature is None:
        return False
    try:
        message = statement.encode()
    except UnicodeEncodeError:
        return False
    return verifier.verify(signature, message, chosen) or verifier.verify_ecdsa_der(signature, message)


def _signature_bytes(text: str) -> bytes | None:
    # Command-line tools end base64 with a line break and may wrap it.
    if len(text) > _MAX_SIGNATURE_TEXT or not text.isascii():
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
