"""Which providers people may sign in with, by the environment: only those with a client id and a secret exist."""

from typing import Any

from aim.environment import Environment

ANY_TENANT = frozenset({"common", "consumers", "organizations"})
OIDC = "oidc"


def identity_providers(environment: Environment) -> dict[str, Any]:
    """Allauth's `SOCIALACCOUNT_PROVIDERS`."""
    google = _app(environment.google_client_id, environment.google_client_secret.get_secret_value())
    microsoft = _app(environment.microsoft_client_id, environment.microsoft_client_secret.get_secret_value())
    oidc = _app(environment.oidc_client_id, environment.oidc_client_secret.get_secret_value())
    providers: dict[str, Any] = {}
    if google:
        providers["google"] = {"APPS": [google], "SCOPE": ["openid", "profile", "email"], "OAUTH_PKCE_ENABLED": True}
    if microsoft:
        tenant = environment.microsoft_tenant
        # Whoever administers a tenant can put any address into a profile: only the operator's own tenant is believed.
        microsoft["settings"] = {"tenant": tenant, "verified_email": tenant.lower() not in ANY_TENANT}
        providers["microsoft"] = {"APPS": [microsoft], "SCOPE": ["User.Read"], "OAUTH_PKCE_ENABLED": True}
    if oidc and environment.oidc_server_url:
        oidc |= {
            "provider_id": OIDC,
            "name": environment.oidc_name,
            "settings": {"server_url": environment.oidc_server_url, "oauth_pkce_enabled": True},
        }
        providers["openid_connect"] = {"APPS": [oidc]}
    return providers


def _app(client_id: str, secret: str) -> dict[str, Any]:
    return {"client_id": client_id, "secret": secret} if client_id and secret else {}
