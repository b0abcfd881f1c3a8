"""What people configure of an MCP server: fields, defaults and rules, the same for API, pages and services."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cryptography import x509
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.configuration import MAX_DESCRIPTION, MAX_ITEMS, ip_range_problems, line_problems
from aim.errors import Problem
from aim.outbound.entering import MAX_URL as MAX_URL
from aim.outbound.entering import url_problems as url_problems
from mcp.models import AuthMethod, DriftResponse, McpServer, Protocol

MAX_CERTIFICATE = 64 * 1024

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "description": "",
        "protocol": Protocol.AUTOMATIC.value,
        "health_endpoint": "",
        "verification_url": "",
        "timeout_seconds": 30,
        "auth_method": AuthMethod.NONE.value,
        "ca_certificate": "",
        "allowed_ip_ranges": [],
        "allowed_agents": [],
        "rate_per_minute": 100,
        "verify_signature": True,
        "verify_tls": True,
        "verify_health": True,
        "verify_capabilities": True,
        "reverify_hours": 24,
        "failure_threshold": 3,
        "auto_suspend": True,
        "notify_on_failure": True,
        "drift_response": DriftResponse.HOLD.value,
        "rotation_days": 90,
    }
)
FIELDS = ("name", "display_name", "version", "url", *DEFAULTS)
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "timeout_seconds": (1, 120),
        "rate_per_minute": (1, 1_000_000),
        "reverify_hours": (1, 24 * 90),
        "failure_threshold": (1, 100),
        "rotation_days": (1, 3650),
    }
)
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "protocol": tuple(Protocol.values),
        "auth_method": tuple(AuthMethod.values),
        "drift_response": tuple(DriftResponse.values),
    }
)


def configuration_of(server: McpServer) -> dict[str, Any]:
    return {field: getattr(server, field) for field in FIELDS}


def health_problems(value: Any) -> list[str]:
    """A path below the server's origin, or empty for the handshake alone."""
    if value == "":
        return []
    if not value.startswith("/") or value.startswith("//") or len(value) > MAX_URL or "#" in value:
        return [_("Use a path such as /health.")]
    return [] if value.isascii() and value.isprintable() and " " not in value else [_("Use a path such as /health.")]


def certificate_problems(value: Any) -> list[str]:
    """One or more certificates of authorities in PEM form, or empty for those the operating system trusts."""
    if value == "":
        return []
    if len(value) > MAX_CERTIFICATE or "PRIVATE KEY" in value:
        return [_("Upload the certificate alone: never a private key, at most 64 KiB.")]
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        return [_("TLS certificate validation failed. Upload valid certificate.")]
    return []


def description_problems(value: Any) -> list[str]:
    if len(value) <= MAX_DESCRIPTION:
        return []
    sentence = ngettext("Use at most %(most)s character.", "Use at most %(most)s characters.", MAX_DESCRIPTION)
    return [sentence % {"most": MAX_DESCRIPTION}]


_RULES: Mapping[str, Callable[[Any], list[str]]] = {
    "name": lambda value: line_problems(value, longest=100),
    "display_name": lambda value: line_problems(value, longest=200),
    "version": lambda value: line_problems(value, longest=50),
    "description": description_problems,
    "url": url_problems,
    "verification_url": lambda value: url_problems(value) if value else [],
    "health_endpoint": health_problems,
    "ca_certificate": certificate_problems,
}


def configuration_problems(configuration: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a complete configuration, of single fields and between them."""
    problems = [
        *(problem for field in FIELDS for problem in _field_problems(field, configuration[field])),
        *_item_problems("allowed_ip_ranges", configuration["allowed_ip_ranges"], ip_range_problems),
    ]
    return problems or _contradictions(configuration)


def _field_problems(field: str, value: Any) -> list[Problem]:
    return [Problem(field, "invalid", text) for text in _problems_of(field, value)]


def _problems_of(field: str, value: Any) -> list[str]:
    if field in _RULES:
        return _RULES[field](value)
    if field in CHOICES and value not in CHOICES[field]:
        return [_("Choose one of %(choices)s.") % {"choices": ", ".join(CHOICES[field])}]
    if field in BOUNDS and not BOUNDS[field][0] <= value <= BOUNDS[field][1]:
        low, high = BOUNDS[field]
        return [_("Choose a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}]
    return []


def _item_problems(field: str, items: list[Any], rule: Any) -> list[Problem]:
    if len(items) > MAX_ITEMS:
        sentence = ngettext("At most %(most)s entry.", "At most %(most)s entries.", MAX_ITEMS)
        return [Problem(field, "invalid", sentence % {"most": MAX_ITEMS})]
    return [Problem(f"{field}[{i}]", "invalid", text) for i, item in enumerate(items) for text in rule(item)]


def _contradictions(configuration: Mapping[str, Any]) -> list[Problem]:
    names = ("verify_signature", "verify_tls", "verify_health", "verify_capabilities")
    if not any(configuration[name] for name in names):
        return [Problem("verify_signature", "required", _("Choose at least one method of verification."))]
    if configuration["auth_method"] == AuthMethod.MTLS and configuration["url"].startswith("http:"):
        return [Problem("auth_method", "needs_tls", _("Mutual TLS needs an https address."))]
    return []


def notices_of(configuration: Mapping[str, Any], *, has_key: bool) -> list[dict[str, str]]:
    """What a person should know before registering: warnings first."""
    notices = []
    if configuration["url"].startswith("http:"):
        notices.append(("warning", "url", _("The server is called without TLS: only on this very machine.")))
    if configuration["auth_method"] == AuthMethod.MTLS:
        notices.append(("warning", "auth_method", _("Mutual TLS requires valid certificates")))
    if configuration["verify_signature"] and not has_key:
        notices.append(("warning", "public_key", _("Without a public key the server cannot prove who it is.")))
    if has_key and not configuration["verification_url"]:
        notices.append(("warning", "verification_url", _("Without a verification URL the key cannot be proved.")))
    if not configuration["auto_suspend"]:
        notices.append(("warning", "auto_suspend", _("A server that fails its verification stays in use.")))
    if configuration["verify_health"]:
        notices.append(("info", "health_endpoint", _("Health check will run every 5 minutes")))
    if has_key:
        notices.append(("info", "public_key", _("Your server must sign responses with the corresponding private key")))
    return [{"level": level, "field": field, "message": message} for level, field, message in notices]
