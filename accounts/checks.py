"""The process does not start while a route of the API does not say who may call it."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from accounts.api.permissions import METHODS, HasPermission, UndeclaredPermissionError, declared_permission


@register("urls")
def check_declared_permissions(**_kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{route} does not declare who may call {method}.",
            hint="Add the method to the view's `permissions`.",
            obj=view,
            id="accounts.E001",
        )
        for route, view in api_views()
        for method in undeclared_methods(view)
    ]


def api_views() -> Iterator[tuple[str, type[APIView]]]:
    """Every DRF view of the project with its route."""
    yield from _views(get_resolver().url_patterns, "")


def undeclared_methods(view: type[APIView]) -> list[str]:
    """Views that replace `HasPermission`, such as the published schema, answer for themselves."""
    if HasPermission not in view.permission_classes:
        return []
    missing = []
    for method in METHODS:
        if getattr(view, method.lower(), None) is not None and method.lower() in view.http_method_names:
            try:
                declared_permission(view, method)
            except UndeclaredPermissionError:
                missing.append(method)
    return missing


def _views(patterns: list[Any], prefix: str) -> Iterator[tuple[str, type[APIView]]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            if isinstance(view, type) and issubclass(view, APIView):
                yield route, view
