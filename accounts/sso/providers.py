"""The providers that are configured, and the way to them."""

from dataclasses import dataclass

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from requests import RequestException

from aim.identity_providers import OIDC

_TITLES = {"google": "Google", "microsoft": "Microsoft"}


@dataclass(frozen=True, slots=True)
class SignInProvider:
    """A button: `key` is what addresses and `UserSession.Method` call it."""

    key: str
    title: str


def configured_providers() -> list[SignInProvider]:
    known = settings.SOCIALACCOUNT_PROVIDERS
    found = [SignInProvider(key, title) for key, title in _TITLES.items() if key in known]
    if "openid_connect" in known:
        found.append(SignInProvider(OIDC, provider_title(OIDC)))
    return found


def provider_title(key: str) -> str:
    if key in _TITLES:
        return _TITLES[key]
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return str(apps[0]["name"]) if apps else "single sign-on"


def to_provider(request: HttpRequest, key: str, *, process: str, wanted: str) -> HttpResponse:
    """Send the browser to the provider. Raises `Http404` for one that is not configured, `RequestException`."""
    if key not in {provider.key for provider in configured_providers()}:
        raise Http404
    provider = get_adapter(request).get_provider(request, key)
    try:
        response: HttpResponse = provider.redirect(request, process=process, next_url=wanted)
    except OAuth2Error as error:
        raise RequestException(str(error)) from error
    return response
