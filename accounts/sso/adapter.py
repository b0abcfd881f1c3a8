"""Where allauth hands over what a provider has answered: to our own rules, always, and never to its own sign-up."""

from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.http import HttpRequest

from accounts.services.identities import Identity
from accounts.sso.answers import linked, recognized, refused

_LINK = "connect"


class IdentityAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """The provider vouches for somebody; what that means is decided by `accounts.services.identities`."""
        if sociallogin.account.pk:
            # allauth has just stored the whole profile; nothing of it is needed.
            SocialAccount.objects.filter(pk=sociallogin.account.pk).update(extra_data={})
        identity = _identity(sociallogin)
        if sociallogin.state.get("process") == _LINK:
            raise ImmediateHttpResponse(linked(request, identity))
        raise ImmediateHttpResponse(recognized(request, identity, wanted=sociallogin.state.get("next") or ""))

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> NoReturn:
        state = (extra_context or {}).get("state") or {}
        lost = error != AuthError.CANCELLED and exception is None and not state
        reason = "cancelled" if error == AuthError.CANCELLED else "lost" if lost else "failed"
        raise ImmediateHttpResponse(refused(request, _name(provider), reason=reason, exception=exception))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002 - allauth's
        return False

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """Providers come from the environment alone: a row in a table must not open a door."""
        return [app for app in super().list_apps(request, provider=provider, client_id=client_id) if app.pk is None]


def _identity(login: SocialLogin) -> Identity:
    provider = login.account.get_provider()
    verified = [email.email for email in login.email_addresses if email.verified is True]
    claimed = next((email.email for email in login.email_addresses), "") or login.user.email or ""
    names = [getattr(login.user, "name", ""), _full_name(provider, login)]
    return Identity(
        provider=_name(provider),
        uid=login.account.uid,
        name=next(filter(None, names), ""),
        confirmed=tuple(verified),
        claimed=claimed,
    )


def _full_name(provider: Any, login: SocialLogin) -> str:
    fields = provider.extract_common_fields(login.account.extra_data)
    full = fields.get("name") or " ".join(filter(None, (fields.get("first_name"), fields.get("last_name"))))
    return " ".join(str(full).split())


def _name(provider: Any) -> str:
    """`google`, `microsoft`, `oidc`: as `UserSession.Method` has them."""
    return str(provider.app.provider_id or provider.app.provider)
