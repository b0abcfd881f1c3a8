"""Where the providers send the browser back to. allauth asks for these names, outside of any namespace."""

from allauth.socialaccount.providers.google.views import oauth2_callback as google_callback
from allauth.socialaccount.providers.microsoft.views import oauth2_callback as microsoft_callback
from allauth.socialaccount.providers.openid_connect.views import callback as oidc_callback
from django.urls import path

from aim.identity_providers import OIDC

urlpatterns = [
    path("login/google/callback", google_callback, name="google_callback"),
    path("login/microsoft/callback", microsoft_callback, name="microsoft_callback"),
    path("login/oidc/callback", oidc_callback, {"provider_id": OIDC}, name="openid_connect_callback"),
]
