"""What may go wrong with people and their rights."""

from aim.errors import ConflictError, Problem, ServiceError


class PermissionDeniedError(ServiceError):
    status = 403
    code = "permission_denied"

    def __init__(self, permission: str) -> None:
        super().__init__(f"Insufficient permissions: {permission} is needed.")
        self.permission = permission


class LastAdminError(ConflictError):
    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("An organization needs at least one admin. Make somebody else an admin first.")


class NameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self, message: str) -> None:
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


class AlreadyMemberError(ConflictError):
    code = "already_member"

    def __init__(self) -> None:
        super().__init__("This person is a member already.")


class WrongCredentialsError(ServiceError):
    """The same for an unknown e-mail address, a wrong password and a person without an organization."""

    status = 401
    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("The e-mail address and the password do not match.")


class TooManyAttemptsError(ServiceError):
    status = 429
    code = "too_many_attempts"

    def __init__(self) -> None:
        super().__init__("Too many attempts. Wait a quarter of an hour, then try again.")


class SignInUnavailableError(ServiceError):
    status = 503
    code = "unavailable"

    def __init__(self) -> None:
        super().__init__("Signing in is not possible at the moment. Try again in a minute.")
