"""What may go wrong with people and their rights."""

from aim.errors import ServiceError


class PermissionDeniedError(ServiceError):
    status = 403
    code = "permission_denied"

    def __init__(self, permission: str) -> None:
        super().__init__(f"Insufficient permissions: {permission} is needed.")
        self.permission = permission
