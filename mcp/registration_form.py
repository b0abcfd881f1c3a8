"""The registration wizard's one form: its steps, what each holds, and how services' problems reach its fields."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from agents.configuration import MAX_DESCRIPTION
from agents.registration_form import LinesField
from aim.console.wizard import FormStep, StepForm
from mcp.configuration import BOUNDS, DEFAULTS, MAX_CERTIFICATE, MAX_URL
from mcp.credentials import FIELDS as CREDENTIALS
from mcp.credentials import MAX_SECRET, SECRET
from mcp.models import AuthMethod, DriftResponse, Protocol

_DEFAULT_PORTS = {"https": 443, "http": 80}
EVERYBODY, CHOSEN = "all", "chosen"
KEY_TYPES = (
    ("", _("As the key says")),
    ("rsa-2048", _("RSA-2048 (recommended for most use cases)")),
    ("rsa-4096", _("RSA-4096 (maximum security)")),
    ("ed25519", _("Ed25519 (modern, fast)")),
    ("ecdsa-p256", _("ECDSA P-256 (compact, efficient)")),
)
INTERVALS = (
    (1, _("Every hour")),
    (6, _("Every 6 hours")),
    (12, _("Every 12 hours")),
    (24, _("Every 24 hours")),
    (168, _("Every week")),
)
VERIFY = ("verify_signature", "verify_tls", "verify_health", "verify_capabilities")
CREDENTIAL_LABELS = {
    "header": _("Header"),
    "scheme": _("Scheme"),
    "api_key": _("API Key"),
    "token_url": _("Token URL"),
    "client_id": _("Client ID"),
    "client_secret": _("Client Secret"),
    "scope": _("Scope"),
    "resource": _("Resource"),
    "certificate": _("Client Certificate (.pem file)"),
    "private_key": _("Private Key (.key file)"),
    "key_id": _("Key ID"),
    "secret": _("Shared Secret"),
}
UPLOADS = frozenset({"certificate", "private_key"})
STEPS = (
    FormStep("basic", _("Basic Information"), ("name", "display_name", "version", "description")),
    FormStep(
        "connection",
        _("Connection Details"),
        ("url", "port", "protocol", "health_endpoint", "timeout_seconds"),
    ),
    FormStep(
        "security",
        _("Security Configuration"),
        (
            "auth_method",
            *(f"{method}_{name}" for method, names in CREDENTIALS.items() for name in names),
            "ca_certificate",
            "allowed_ip_ranges",
            "agents_kind",
            "allowed_agents",
            "rate_per_minute",
        ),
    ),
    FormStep("identity", _("Cryptographic Identity"), ("public_key", "key_type", "verification_url")),
    FormStep(
        "verification",
        _("Verification Settings"),
        (
            *VERIFY,
            "reverify_hours",
            "failure_threshold",
            "auto_suspend",
            "notify_on_failure",
            "drift_response",
            "rotation_days",
        ),
    ),
    FormStep("review", _("Review"), ()),
)


class IdsField(forms.MultipleChoiceField):
    """Ids that are ticked; whether they exist is the service's business, which says so of each."""

    def valid_value(self, value: Any) -> bool:
        return isinstance(value, str)


def _bounded(field: str, **options: Any) -> forms.IntegerField:
    low, high = BOUNDS[field]
    return forms.IntegerField(
        initial=DEFAULTS[field], validators=[MinValueValidator(low), MaxValueValidator(high)], **options
    )


def _truth(field: str, label: Any, **options: Any) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, initial=DEFAULTS[field], **options)


def _code(placeholder: str, **attrs: Any) -> dict[str, Any]:
    return {"placeholder": placeholder, "spellcheck": "false", "autocomplete": "off", **attrs}


class ServerForm(StepForm):
    """Everything a registration may say. The rules are those of `mcp.configuration`; the services apply them."""

    steps = STEPS

    display_name = forms.CharField(
        label=_("Display Name"),
        max_length=200,
        widget=forms.TextInput(attrs=_code("Filesystem MCP Server", autofocus=True)),
    )
    name = forms.CharField(
        label=_("Server Name"),
        max_length=100,
        help_text=_("Unique in the organization."),
        widget=forms.TextInput(attrs=_code("filesystem-mcp")),
    )
    version = forms.CharField(
        label=_("Version"), max_length=50, initial="1.0.0", widget=forms.TextInput(attrs=_code("1.0.0"))
    )
    description = forms.CharField(
        label=_("Description"), required=False, max_length=MAX_DESCRIPTION, widget=forms.Textarea(attrs={"rows": 2})
    )
    url = forms.CharField(
        label=_("Server URL"),
        max_length=MAX_URL,
        widget=forms.TextInput(attrs=_code("https://mcp.company.com/filesystem", inputmode="url", **{"data-url": ""})),
    )
    port = forms.IntegerField(
        label=_("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        help_text=_("Filled in from the URL; another one becomes part of it."),
        widget=forms.NumberInput(attrs={"placeholder": "443", "data-port": ""}),
    )
    protocol = forms.ChoiceField(label=_("Protocol"), choices=Protocol.choices, initial=DEFAULTS["protocol"])
    health_endpoint = forms.CharField(
        label=_("Health Check Endpoint"),
        required=False,
        max_length=MAX_URL,
        help_text=_("A path of the server. Empty: the protocol’s own handshake is the health check."),
        widget=forms.TextInput(attrs=_code("/health")),
    )
    timeout_seconds = _bounded("timeout_seconds", label=_("Timeout (seconds)"))
    auth_method = forms.ChoiceField(
        label=_("Authentication Method"), choices=AuthMethod.choices, initial=DEFAULTS["auth_method"]
    )
    ca_certificate = forms.CharField(
        label=_("CA Certificate"),
        required=False,
        max_length=MAX_CERTIFICATE,
        help_text=_(
            "Optional, for self-signed: who has signed what no public authority has. Empty: the system’s authorities."
        ),
        widget=forms.Textarea(attrs=_code("-----BEGIN CERTIFICATE-----", rows=3)),
    )
    allowed_ip_ranges = LinesField(
        label=_("Allowed IP Ranges"),
        placeholder="10.0.0.0/8",
        help_text=_("From where agents may call it: one range a line. Empty means any."),
    )
    agents_kind = forms.ChoiceField(
        label=_("Allowed Agents"),
        choices=((EVERYBODY, _("All Verified Agents")), (CHOSEN, _("Specific agents"))),
        initial=EVERYBODY,
    )
    allowed_agents = IdsField(label=_("Specific agents"), required=False)
    rate_per_minute = _bounded("rate_per_minute", label=_("Rate Limit (requests/minute)"))
    public_key = forms.CharField(
        label=_("Public Key"),
        required=False,
        max_length=20_000,
        help_text=_("Paste PEM-formatted public key for cryptographic verification"),
        widget=forms.Textarea(attrs=_code("-----BEGIN PUBLIC KEY-----\n...\n-----END PUBLIC KEY-----", rows=6)),
    )
    key_type = forms.ChoiceField(label=_("Key Type"), required=False, choices=KEY_TYPES)
    verification_url = forms.CharField(
        label=_("Verification URL"),
        required=False,
        max_length=MAX_URL,
        help_text=_("Endpoint for cryptographic challenge-response verification"),
        widget=forms.TextInput(attrs=_code("https://mcp.company.com/filesystem/verify", inputmode="url")),
    )
    verify_signature = _truth("verify_signature", _("Cryptographic signature verification"))
    verify_tls = _truth("verify_tls", _("TLS certificate validation"))
    verify_health = _truth("verify_health", _("Health check endpoint verification"))
    verify_capabilities = _truth("verify_capabilities", _("Capability enumeration"))
    reverify_hours = forms.TypedChoiceField(
        label=_("Re-verification interval"), choices=INTERVALS, coerce=int, initial=DEFAULTS["reverify_hours"]
    )
    failure_threshold = _bounded("failure_threshold", label=_("Failures in a row before it is suspended"))
    auto_suspend = _truth("auto_suspend", _("Auto-suspend on failure"))
    notify_on_failure = _truth("notify_on_failure", _("Notification on verification failure"))
    drift_response = forms.ChoiceField(
        label=_("When a tool is no longer what was approved"),
        choices=DriftResponse.choices,
        initial=DEFAULTS["drift_response"],
    )
    rotation_days = _bounded("rotation_days", label=_("Key rotation required every (days)"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields.update(credential_fields())
        hours = (self.initial or {}).get("reverify_hours")
        self._offer_interval(self.data.get("reverify_hours") if self.is_bound else hours)

    def _offer_interval(self, hours: Any) -> None:
        """An interval that was set through the API stands among the choices."""
        known = {value for value, _words in INTERVALS}
        low, high = BOUNDS["reverify_hours"]
        if str(hours).isdecimal() and low <= int(hours) <= high and int(hours) not in known:
            words = _("Every %(n)d hours") % {"n": int(hours)}
            self.fields["reverify_hours"].choices = [*INTERVALS, (int(hours), words)]  # type: ignore[attr-defined]

    def configuration(self) -> dict[str, Any]:
        """What `register_server` takes, of a valid form."""
        values = dict(self.cleaned_data)
        for field in ("public_key", "key_type", *credential_fields()):
            values.pop(field, None)
        values["url"] = url_with_port(values["url"].strip(), values.pop("port"))
        if values.pop("agents_kind") == EVERYBODY:
            values["allowed_agents"] = []
        return values

    def credential(self) -> dict[str, str] | None:
        """The fields of the chosen method of authentication; None where there is none."""
        return credential_of(self.cleaned_data.get("auth_method", ""), self.cleaned_data)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("agents_kind") == CHOSEN and not values.get("allowed_agents"):
            self.add_error("allowed_agents", _("Choose at least one agent, or allow all verified agents."))
        return values

    def field_of(self, path: str) -> str:
        if path.startswith("credential."):
            return f"{self.value('auth_method')}_{path.removeprefix('credential.')}"
        return path


def credential_fields() -> dict[str, forms.CharField]:
    """A field for each part of each method's credential. What is secret is never written into a page."""
    return {
        f"{method}_{name}": _credential_field(name, default)
        for method, names in CREDENTIALS.items()
        for name, default in names.items()
    }


def credential_of(method: str, values: Mapping[str, Any]) -> dict[str, str] | None:
    """What `mcp.credentials` checks; what was left empty has its default."""
    if method not in CREDENTIALS:
        return None
    given = {name: values.get(f"{method}_{name}") or "" for name in CREDENTIALS[method]}
    return {name: value.strip() for name, value in given.items() if value.strip()}


class _UnshownTextarea(forms.Textarea):
    """As a password field: what was typed stays in the browser and is not sent back to it."""

    def format_value(self, value: Any) -> None:  # noqa: ARG002 - whatever it is
        return None


def _credential_field(name: str, default: str) -> forms.CharField:
    attrs = _code("", autocomplete="new-password") if name in SECRET else _code("")
    widget: forms.Widget = forms.TextInput(attrs=attrs)
    longest = MAX_SECRET
    if name in UPLOADS:
        kind = "CERTIFICATE" if name == "certificate" else "PRIVATE KEY"
        area = _UnshownTextarea if name in SECRET else forms.Textarea
        widget = area(attrs={**attrs, "rows": 3, "placeholder": f"-----BEGIN {kind}-----"})
        longest = MAX_CERTIFICATE
    elif name in SECRET:
        widget = forms.PasswordInput(attrs=attrs)
    return forms.CharField(
        label=CREDENTIAL_LABELS[name], required=False, initial=default, max_length=longest, widget=widget
    )


def form_values(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration as the form's first values."""
    values = dict(configuration)
    values["port"] = port_of(values["url"])
    values["agents_kind"] = CHOSEN if values["allowed_agents"] else EVERYBODY
    return values


def port_of(url: str) -> int | None:
    """The port that a URL means; None where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def url_with_port(url: str, port: int | None) -> str:
    """The URL with the port in it, where it is another than the one that the URL means already."""
    if port is None or port == port_of(url):
        return url
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return url
    except ValueError:
        return url
    before, at, place = parts.netloc.rpartition("@")
    host = place[: place.index("]") + 1] if place.startswith("[") else place.partition(":")[0]
    shown = host if port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"
    return urlunsplit(parts._replace(netloc=f"{before}{at}{shown}"))
