"""Who may call which method: each view declares it, and a view that declares nothing is open to nobody."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.contracts import Actor
from accounts.errors import PermissionDeniedError
from accounts.permissions import Permission

if TYPE_CHECKING:
    # DRF imports this module, by its setting, while it defines APIView.
    from rest_framework.views import APIView


class AnyActor:
    """Marks a method that everybody with valid credentials may call, such as `GET /me`."""


ANY_ACTOR = AnyActor()
Declared = Permission | AnyActor
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class UndeclaredPermissionError(RuntimeError):
    """A view lets a method through without saying who may call it: a fault of the program, not of the caller."""


class HasPermission(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.user, Actor):
            return False
        method = "GET" if request.method == "HEAD" else request.method or ""
        if getattr(view, method.lower(), None) is None:
            return True  # No such method: DRF answers 405 next.
        declared = declared_permission(view, method)
        if isinstance(declared, Permission) and not request.user.may(declared):
            raise PermissionDeniedError(declared)
        return True


def declared_permission(view: "APIView | type[APIView]", method: str) -> Declared:
    permissions: Mapping[str, Declared] = getattr(view, "permissions", {})
    if method not in permissions:
        raise UndeclaredPermissionError(f"{view} declares no permission for {method}")
    return permissions[method]
