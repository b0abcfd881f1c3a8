"""Takes exactly one public key out of pasted or uploaded PEM text (RFC 7468), strictly."""

import base64
import binascii
import re

from django.utils.translation import gettext, ngettext

from aim.crypto.problems import InvalidPublicKeyError

MAX_PEM_BYTES = 16_384

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PUBLIC KEY-----")


def read_public_key_block(text: str | bytes) -> bytes:
    """The DER inside the one `PUBLIC KEY` block of `text`; raises `InvalidPublicKeyError`.

    White space around the block and CRLF line ends are accepted, since text areas of browsers send them.
    """
    plain = _plain_text(text)
    labels = _LABEL.findall(plain)
    if not labels:
        raise InvalidPublicKeyError("not_pem", _not_pem())
    _refuse_other_labels(labels)
    block = _BLOCK.fullmatch(plain)
    if block is None:
        _refuse_surroundings(plain)
        raise InvalidPublicKeyError(
            "damaged",
            gettext("The lines between BEGIN and END must hold base64 only: no blank lines, spaces or headers."),
        )
    return _decode(block[1].replace("\n", ""))


def _plain_text(text: str | bytes) -> str:
    if len(text) > MAX_PEM_BYTES:
        sentence = ngettext(
            "A public key has at most %(most)s byte of text.",
            "A public key has at most %(most)s bytes of text.",
            MAX_PEM_BYTES,
        )
        raise InvalidPublicKeyError("too_large", sentence % {"most": MAX_PEM_BYTES})
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text.encode("ascii").decode("ascii")
    except UnicodeError:
        code, sentence = "not_pem", _not_pem()
        if ("-----BEGIN " if isinstance(text, str) else b"-----BEGIN ") in text:  # type: ignore[operator]
            code = "unexpected_text"
            sentence = gettext(
                "The text has characters outside ASCII, such as a byte order mark; save the key as plain text."
            )
        raise InvalidPublicKeyError(code, sentence) from None
    plain = plain.replace("\r\n", "\n").strip(" \t\n")
    if "-----BEGIN " in plain and not plain.replace("\n", "").replace("\t", "").isprintable():
        raise InvalidPublicKeyError(
            "unexpected_text", gettext("The text has control characters; save the key as plain text.")
        )
    return plain


def _not_pem() -> str:
    return gettext("Invalid public key format. Please upload valid PEM file.")


def _refuse_other_labels(labels: list[str]) -> None:
    if any(label.endswith("PRIVATE KEY") for label in labels):
        sentence = gettext(
            "This is a private key: keep it secret and consider it disclosed, make a new key pair, and upload only its"
            " public half (`openssl pkey -in key.pem -pubout`)."
        )
        raise InvalidPublicKeyError("private_key", sentence)
    if len(labels) > 1:
        sentence = ngettext(
            "Upload exactly one public key; the text has %(n)d block.",
            "Upload exactly one public key; the text has %(n)d blocks.",
            len(labels),
        )
        raise InvalidPublicKeyError("several_keys", sentence % {"n": len(labels)})
    label = labels[0]
    if "CERTIFICATE" in label:
        sentence = gettext(
            "This is a certificate or a certificate request, not a public key; take the key out of a certificate with"
            " `openssl x509 -in certificate.pem -noout -pubkey`."
        )
        raise InvalidPublicKeyError("certificate", sentence)
    if label != "PUBLIC KEY":
        raise InvalidPublicKeyError("unsupported_format", _other_label(label))


def _other_label(label: str) -> str:
    if label == "RSA PUBLIC KEY":
        return gettext(
            "This is an RSA key in PKCS#1 form (BEGIN RSA PUBLIC KEY); convert it with"
            " `openssl rsa -RSAPublicKey_in -in key.pem -pubout`."
        )
    if label == "EC PARAMETERS":
        return gettext(
            "These are elliptic-curve parameters without a key; export the key with `openssl pkey -in key.pem -pubout`."
        )
    return gettext("The block is a %(label)s, not a PUBLIC KEY.") % {"label": label}


def _refuse_surroundings(plain: str) -> None:
    if not plain.startswith("-----BEGIN "):
        raise InvalidPublicKeyError("unexpected_text", gettext("Remove the text before the BEGIN line."))
    _, end, rest = plain.partition("-----END PUBLIC KEY-----")
    if not end:
        raise InvalidPublicKeyError("damaged", gettext("The line -----END PUBLIC KEY----- is missing."))
    if rest:
        raise InvalidPublicKeyError("unexpected_text", gettext("Remove the text after the END line."))


def _decode(digits: str) -> bytes:
    try:
        der = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if not der or base64.b64encode(der).decode() != digits:
        raise InvalidPublicKeyError("damaged", gettext("The base64 between BEGIN and END is damaged or cut off."))
    return der
