"""How people and their programs prove to the API who they are. `request.user` is the `Actor` afterwards."""

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.models import PersonalToken, User
from accounts.sessions import address_of, session_actor
from aim import clock
from aim.secrets import digest_of

CHALLENGE = 'Bearer realm="aim"'
_REFUSAL = "The credentials are unknown, expired or revoked."
_LONGEST = 200


class BearerAuthentication(BaseAuthentication):
    """RFC 6750 section 2.1, for one kind of secret. Other kinds are left to the other classes."""

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return CHALLENGE


def bearer_of(request: HttpRequest | Request) -> str | None:
    """What follows `Bearer` in Authorization; None without that header; raises 401 for another scheme."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret or len(secret) > _LONGEST or not secret.isascii():
        raise refusal()
    return str(secret.strip())


def refusal() -> exceptions.AuthenticationFailed:
    """One answer for unknown, expired, revoked and disabled: a caller learns nothing by trying."""
    return exceptions.AuthenticationFailed(_REFUSAL)


class PersonalTokenAuthentication(BearerAuthentication):
    """`Authorization: Bearer aimp_…`. Comes after the agents' keys, so any other secret is refused here."""

    def authenticate(self, request: Request) -> tuple[Actor, PersonalToken] | None:
        secret = bearer_of(request)
        if secret is None:
            return None
        token = (
            PersonalToken.objects.filter(digest=digest_of(secret), revoked_at=None, expires_at__gt=clock.now())
            .select_related("membership__user", "membership__organization")
            .first()
        )
        if token is None or not is_usable(token.membership):
            raise refusal()
        actor = person_actor(
            token.membership, credential=token.prefix, address=address_of(request.META), scopes=token.scopes
        )
        return actor, token


class ConsoleSessionAuthentication(SessionAuthentication):
    """The console's cookie, with the CSRF token that Django's forms and `X-CSRFToken` carry."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        underlying = request._request
        user = getattr(underlying, "user", None)
        if not isinstance(user, User):
            return None
        self.enforce_csrf(request)
        if user.must_change_password:
            raise exceptions.PermissionDenied(
                "Change the one-time password first: open /account/password.", code="password_change_required"
            )
        actor = session_actor(underlying)
        if actor is None:
            raise refusal()
        return actor, None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return CHALLENGE
