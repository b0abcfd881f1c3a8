"""What may be wrong with a server, each with its code and the sentence that people are told.

The sentence is kept with what was tried, and translated where somebody reads it.
"""

import re
from enum import StrEnum

from django.utils.translation import gettext_noop

from aim.outbound.backend import RefusedError, UnresolvedError
from aim.outbound.lines import CertificateError, TimedOutError, TooLargeError, UnreachableError


class ErrorCode(StrEnum):
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CERTIFICATE_INVALID = "certificate_invalid"
    CERTIFICATE_EXPIRED = "certificate_expired"
    HEALTH_FAILED = "health_failed"
    HANDSHAKE_FAILED = "handshake_failed"
    AUTHENTICATION_FAILED = "authentication_failed"
    SIGNATURE_INVALID = "signature_invalid"
    CHALLENGE_EXPIRED = "challenge_expired"
    ADDRESS_REFUSED = "address_refused"
    TOO_LARGE = "too_large"
    PROTOCOL_UNSUPPORTED = "protocol_unsupported"


CANNOT_REACH_ENDPOINT = gettext_noop("Cannot reach verification endpoint. Check URL and network.")
KEY_DOES_NOT_MATCH = gettext_noop("Cryptographic verification failed. Check private key matches public key.")
NEW_KEY_DOES_NOT_MATCH = gettext_noop("Cannot verify new key. Check private key matches.")
SERVER_USES_OLD_KEY = gettext_noop("Verification failed. Ensure server uses new private key.")
TEXTS: dict[ErrorCode, str] = {
    ErrorCode.UNREACHABLE: gettext_noop("Cannot reach server. Check URL and network connectivity."),
    ErrorCode.TIMEOUT: gettext_noop("Server connection timed out. Increase timeout or check server."),
    ErrorCode.CERTIFICATE_INVALID: gettext_noop("TLS certificate validation failed. Upload valid certificate."),
    ErrorCode.CERTIFICATE_EXPIRED: gettext_noop("TLS certificate expired. Update certificate and retry."),
    ErrorCode.HEALTH_FAILED: gettext_noop("Health endpoint returned error. Check server status."),
    ErrorCode.HANDSHAKE_FAILED: gettext_noop(
        "The server does not speak MCP as it should. Check that the URL is its MCP endpoint."
    ),
    ErrorCode.AUTHENTICATION_FAILED: gettext_noop(
        "The server refused AIM's credential. Check authentication method and credential."
    ),
    ErrorCode.SIGNATURE_INVALID: gettext_noop("Cryptographic signature invalid. Check public key."),
    ErrorCode.CHALLENGE_EXPIRED: gettext_noop("The challenge was answered too late. Check server and verify again."),
    ErrorCode.ADDRESS_REFUSED: gettext_noop("This address may not be called. Check URL, or have its network allowed."),
    ErrorCode.TOO_LARGE: gettext_noop("The server answered more than AIM reads. Check server."),
    ErrorCode.PROTOCOL_UNSUPPORTED: gettext_noop(
        "The server does not speak the configured version of MCP. Check protocol."
    ),
}
_LONGEST = 500
# What OpenSSL calls the alerts of a server that wants a certificate of ours, and another than it has been shown.
_REFUSES_US = re.compile(r"ALERT_(?:\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)")


class ProbeError(Exception):
    """The server has not passed. `text` is for everybody, `detail` says what exactly was seen, as hostile text.

    `status` is that of the HTTP answer which was not good, where there was one.
    """

    def __init__(self, code: ErrorCode, detail: str = "", *, text: str = "", status: int | None = None) -> None:
        self.code = code
        self.status = status
        self.text = text or TEXTS[code]
        self.detail = shortened(detail)
        super().__init__(f"{self.text} {self.detail}".strip())


def problem_of(error: Exception, *, unreachable: str = "") -> ProbeError:
    """What an error of `aim.outbound` means; `unreachable` is the sentence where the usual one does not fit."""
    match error:
        case CertificateError():
            code = ErrorCode.CERTIFICATE_EXPIRED if error.expired else ErrorCode.CERTIFICATE_INVALID
            return ProbeError(code, error.reason)
        case TimedOutError():
            return ProbeError(ErrorCode.TIMEOUT, str(error))
        case TooLargeError():
            return ProbeError(ErrorCode.TOO_LARGE, str(error))
        case UnreachableError() if _REFUSES_US.search(str(error)):
            return ProbeError(ErrorCode.AUTHENTICATION_FAILED, str(error))
        case UnreachableError() | UnresolvedError():
            return ProbeError(ErrorCode.UNREACHABLE, str(error), text=unreachable)
        case RefusedError():
            return ProbeError(ErrorCode.ADDRESS_REFUSED, str(error))
    raise error


def shortened(text: str) -> str:
    """One line that a person can read and PostgreSQL can keep, whatever a server has sent."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
