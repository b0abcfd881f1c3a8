"""What must hold before the product serves. Each failure has a stable id, says what to do, and stops the start."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

ROOMS = ("aim", "accounts", "agents", "mcp", "verification", "security", "compliance")
SHORTEST_SECRET = 32
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@register(Tags.security)
def check_secret_key(**_options: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= SHORTEST_SECRET:
        return []
    hint = "Set AIM_SECRET_KEY to 50 random characters: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    return [Error(f"AIM_SECRET_KEY is shorter than {SHORTEST_SECRET} characters.", hint=hint, id="aim.E001")]


@register(Tags.security)
def check_transport(**_options: Any) -> list[CheckMessage]:
    """Keys and sessions travel in headers: over plain HTTP they may only travel within this machine."""
    parts = urlsplit(settings.ORIGIN)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return []
    return [Error(f"AIM_ORIGIN is {settings.ORIGIN}.", hint="Use https:// behind a TLS proxy.", id="aim.E002")]


@register(Tags.security)
def check_allowed_hosts(**_options: Any) -> list[CheckMessage]:
    if settings.ALLOWED_HOSTS and not any("*" in host for host in settings.ALLOWED_HOSTS):
        return []
    return [Error("AIM_ALLOWED_HOSTS is empty or has a wildcard.", hint="Name each host.", id="aim.E003")]


@register(Tags.security)
def check_trusted_proxies(**_options: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for text in settings.TRUSTED_PROXIES:
        try:
            everything = ip_network(text).prefixlen == 0
        except ValueError:
            errors.append(Error(f"{text!r} in AIM_TRUSTED_PROXIES is no network.", hint="10.0.0.0/8", id="aim.E004"))
        else:
            if everything:
                hint = "Name the proxies' own addresses: whoever is trusted may claim any address for a caller."
                errors.append(Error(f"AIM_TRUSTED_PROXIES trusts everybody ({text}).", hint=hint, id="aim.E005"))
    return errors


@register(Tags.compatibility)
def check_rooms(**_options: Any) -> list[CheckMessage]:
    """Our package names also exist on the package index; whoever installs one of those would replace a room."""
    errors: list[CheckMessage] = []
    installed = packages_distributions()
    for room in ROOMS:
        spec = find_spec(room)
        place = Path(spec.origin).resolve() if spec and spec.origin else None
        if place is None or not place.is_relative_to(settings.BASE_DIR) or room in installed:
            hint = f"Uninstall {', '.join(installed.get(room, ['whatever provides it']))} from this environment."
            errors.append(Error(f"The package {room} is not this project's own.", hint=hint, id="aim.E006"))
    return errors


def refuse_unsafe_settings() -> None:
    """Raise `ImproperlyConfigured` with every error of the checks: a web process calls it before it serves."""
    errors = [message for message in run_checks() if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
