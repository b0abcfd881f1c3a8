"""How people and their programs prove to the API who they are. `request.user` is the `Actor` afterwards."""

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts.actors import is_usable, person_actor
from accounts.contracts import Actor
from accounts.models import PersonalToken, User
from accounts.selectors import has_second_factor
from accounts.sessions import Obligation, actor_of, address_of, obligation_of, session_of
from aim import clock
from aim.secrets import digest_of

CHALLENGE = 'Bearer realm="aim"'
_REFUSAL = "The credentials are unknown, expired or revoked."
_LONGEST = 200
_DUTIES = {
    Obligation.CHANGE_PASSWORD: (
        "Change the one-time password first: open /account/password.",
        "password_change_required",
    ),
    Obligation.ADD_SECOND_FACTOR: (
        "Your organization demands a second factor: open /account/second-factor.",
        "second_factor_required",
    ),
}


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
        if token.membership.organization.second_factor_required and not has_second_factor(token.membership.user_id):
            raise exceptions.PermissionDenied(*_DUTIES[Obligation.ADD_SECOND_FACTOR])
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
        session = session_of(underlying)
        if session is None:
            raise refusal()
        duty = obligation_of(session)
        if duty == Obligation.SIGN_IN_AGAIN:
            raise refusal()
        if duty is not None:
            raise exceptions.PermissionDenied(*_DUTIES[duty])
        return actor_of(session, address_of(request.META)), None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return CHALLENGE
