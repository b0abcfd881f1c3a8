"""What may go wrong with MCP servers, in the words people know."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from aim.crypto.problems import InvalidPublicKeyError
from aim.errors import ConflictError, InvalidInputError, Problem

_NAME_EXISTS = gettext_noop("Server name already exists. Use a different name.")
_BAD_KEY = gettext_noop("Invalid PEM format. Please check your public key.")
_WRONG_TYPE = gettext_noop("Key type doesn't match detected algorithm. Check key type selection.")
# The statuses and verbs that refusals name, for whoever translates them.
_WORDS = (
    gettext_noop("active"),
    gettext_noop("suspended"),
    gettext_noop("resumed"),
    gettext_noop("retired"),
    gettext_noop("verified"),
    gettext_noop("changed"),
    gettext_noop("given a key"),
)


class ServerNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        message = _(_NAME_EXISTS)
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


class ServerStatusError(ConflictError):
    """`verb` is what was asked, such as `suspended`; the server's status does not allow it."""

    code = "status_conflict"

    def __init__(self, status: str, verb: str) -> None:
        words = {"status": _(status), "verb": _(verb)}
        super().__init__(_("A server that is %(status)s cannot be %(verb)s.") % words)


class RotationConflictError(ConflictError):
    code = "rotation_conflict"


class ToolConflictError(ConflictError):
    code = "tool_conflict"


def invalid_server_key(error: InvalidPublicKeyError, field: str = "public_key") -> InvalidInputError:
    """The sentence everybody knows first, then each reason."""
    mismatch = error.code == "type_mismatch"
    code, sentence = (error.code, _WRONG_TYPE) if mismatch else ("invalid_public_key", _BAD_KEY)
    first = Problem(field, code, _(sentence))
    return InvalidInputError((first, *(Problem(field, error.code, reason) for reason in error.problems)))
