"""Who is at the other end of a WebSocket: by the same credentials and rules as for any call of the API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.api.authentication import ConsoleSessionAuthentication, PersonalTokenAuthentication
from accounts.contracts import Actor

Scope = Mapping[str, Any]
_NO_BODY: Any = None  # A handshake has none, and nothing here reads it.


def actor_of_socket(scope: Scope) -> Actor | None:
    """Whoever the handshake's token or console session stands for now; asked again as long as the socket is open."""
    request = _request(scope)
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    for authentication in (PersonalTokenAuthentication(), ConsoleSessionAuthentication()):
        try:
            found = authentication.authenticate(Request(request))
        except APIException:
            return None
        if found is not None:
            return found[0]
    return None


def credential_of_socket(scope: Scope) -> tuple[str | None, str | None, str | None]:
    """What the answer of `actor_of_socket` depends on: equal for sockets that need to be asked about once only."""
    request = _request(scope)
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return request.headers.get("Authorization"), session, request.META.get("REMOTE_ADDR")


def is_own_origin(scope: Scope) -> bool:
    """Whether a page of ours opens the socket, or a program that shows a token: browsers cannot add that header, and
    always say where the page is from.
    """
    request = _request(scope)
    origin = request.headers.get("Origin")
    try:
        host = request.get_host()
    except DisallowedHost:
        return False
    if origin is None:
        return "Authorization" in request.headers
    return origin in {settings.ORIGIN, *settings.CSRF_TRUSTED_ORIGINS} or (
        not settings.SECURE_TRANSPORT and urlsplit(origin).netloc == host and origin.startswith("http://")
    )


def _request(scope: Scope) -> ASGIRequest:
    return ASGIRequest(
        {**scope, "method": "GET", "scheme": "https" if scope.get("scheme") == "wss" else "http"}, _NO_BODY
    )
