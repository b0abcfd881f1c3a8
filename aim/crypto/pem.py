"""Takes exactly one public key out of pasted or uploaded PEM text (RFC 7468), strictly."""

import base64
import binascii
import re

from aim.crypto.problems import InvalidPublicKeyError

MAX_PEM_BYTES = 16_384
NOT_PEM = "Invalid public key format. Please upload valid PEM file."

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PUBLIC KEY-----")

_OTHER_LABELS = {
    "RSA PUBLIC KEY": (
        "unsupported_format",
        (
            "This is an RSA key in PKCS#1 form (BEGIN RSA PUBLIC KEY); convert it with"
            " `openssl rsa -RSAPublicKey_in -in key.pem -pubout`."
        ),
    ),
    "EC PARAMETERS": (
        "unsupported_format",
        "These are elliptic-curve parameters without a key; export the key with `openssl pkey -in key.pem -pubout`.",
    ),
}
_PRIVATE_KEY = (
    "This is a private key: keep it secret and consider it disclosed, make a new key pair, and upload only its public"
    " half (`openssl pkey -in key.pem -pubout`)."
)
_CERTIFICATE = (
    "This is a certificate or a certificate request, not a public key; take the key out of a certificate with"
    " `openssl x509 -in certificate.pem -noout -pubkey`."
)


def read_public_key_block(text: str | bytes) -> bytes:
    """The DER inside the one `PUBLIC KEY` block of `text`; raises `InvalidPublicKeyError`.

    White space around the block and CRLF line ends are accepted, since text areas of browsers send them.
    """
    plain = _plain_text(text)
    labels = _LABEL.findall(plain)
    if not labels:
        raise InvalidPublicKeyError("not_pem", NOT_PEM)
    _refuse_other_labels(labels)
    block = _BLOCK.fullmatch(plain)
    if block is None:
        _refuse_surroundings(plain)
        raise InvalidPublicKeyError(
            "damaged", "The lines between BEGIN and END must hold base64 only: no blank lines, spaces or headers."
        )
    return _decode(block[1].replace("\n", ""))


def _plain_text(text: str | bytes) -> str:
    if len(text) > MAX_PEM_BYTES:
        raise InvalidPublicKeyError("too_large", f"A public key has at most {MAX_PEM_BYTES} bytes of text.")
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text.encode("ascii").decode("ascii")
    except UnicodeError:
        code, sentence = "not_pem", NOT_PEM
        if ("-----BEGIN " if isinstance(text, str) else b"-----BEGIN ") in text:  # type: ignore[operator]
            code = "unexpected_text"
            sentence = "The text has characters outside ASCII, such as a byte order mark; save the key as plain text."
        raise InvalidPublicKeyError(code, sentence) from None
    plain = plain.replace("\r\n", "\n").strip(" \t\n")
    if "-----BEGIN " in plain and not plain.replace("\n", "").replace("\t", "").isprintable():
        raise InvalidPublicKeyError("unexpected_text", "The text has control characters; save the key as plain text.")
    return plain


def _refuse_other_labels(labels: list[str]) -> None:
    for label in labels:
        if label.endswith("PRIVATE KEY"):
            raise InvalidPublicKeyError("private_key", _PRIVATE_KEY)
    if len(labels) > 1:
        raise InvalidPublicKeyError(
            "several_keys", f"Upload exactly one public key; the text has {len(labels)} blocks."
        )
    if "CERTIFICATE" in labels[0]:
        raise InvalidPublicKeyError("certificate", _CERTIFICATE)
    if labels[0] in _OTHER_LABELS:
        raise InvalidPublicKeyError(*_OTHER_LABELS[labels[0]])
    if labels[0] != "PUBLIC KEY":
        raise InvalidPublicKeyError("unsupported_format", f"The block is a {labels[0]}, not a PUBLIC KEY.")


def _refuse_surroundings(plain: str) -> None:
    if not plain.startswith("-----BEGIN "):
        raise InvalidPublicKeyError("unexpected_text", "Remove the text before the BEGIN line.")
    _, end, rest = plain.partition("-----END PUBLIC KEY-----")
    if not end:
        raise InvalidPublicKeyError("damaged", "The line -----END PUBLIC KEY----- is missing.")
    if rest:
        raise InvalidPublicKeyError("unexpected_text", "Remove the text after the END line.")


def _decode(digits: str) -> bytes:
    try:
        der = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if not der or base64.b64encode(der).decode() != digits:
        raise InvalidPublicKeyError("damaged", "The base64 between BEGIN and END is damaged or cut off.")
    return der
