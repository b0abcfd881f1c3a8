"""What may go wrong with MCP servers, in the words people know."""

from aim.crypto.problems import InvalidPublicKeyError
from aim.errors import ConflictError, InvalidInputError, Problem

_NAME_EXISTS = "Server name already exists. Use a different name."
_BAD_KEY = "Invalid PEM format. Please check your public key."
_WRONG_TYPE = "Key type doesn't match detected algorithm. Check key type selection."


class ServerNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        super().__init__(_NAME_EXISTS, problems=(Problem("name", "duplicate", _NAME_EXISTS),))


class ServerStatusError(ConflictError):
    """`verb` is what was asked, such as `suspended`; the server's status does not allow it."""

    code = "status_conflict"

    def __init__(self, status: str, verb: str) -> None:
        super().__init__(f"A server that is {status} cannot be {verb}.")


class RotationConflictError(ConflictError):
    code = "rotation_conflict"


class ToolConflictError(ConflictError):
    code = "tool_conflict"


def invalid_server_key(error: InvalidPublicKeyError, field: str = "public_key") -> InvalidInputError:
    """The sentence everybody knows first, then each reason."""
    mismatch = error.code == "type_mismatch"
    first = Problem(field, error.code if mismatch else "invalid_public_key", _WRONG_TYPE if mismatch else _BAD_KEY)
    return InvalidInputError((first, *(Problem(field, error.code, reason) for reason in error.problems)))
