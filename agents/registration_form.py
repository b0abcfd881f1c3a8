"""The registration wizard's one form: its steps, what each holds, and how services' problems reach its fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.catalogue import CATALOGUE, RULE_GROUPS, Capability, Risk
from agents.configuration import DEFAULTS, MAX_DESCRIPTION
from agents.models import AgentType
from aim.console.wizard import FormStep, StepForm

GIGABYTE = 1_000_000_000
_SCOPES = (
    ("organization", _("Organization-wide")),
    ("teams", _("Specific teams/departments")),
    ("users", _("Specific users only")),
)


STEPS = (
    FormStep("basic", _("Basic Information"), ("name", "display_name", "agent_type", "version", "description")),
    FormStep(
        "capabilities",
        _("Capabilities & Permissions"),
        ("capabilities", "resource_scope", "approval_groups", "require_approval", "deny_groups", "auto_deny"),
    ),
    FormStep(
        "security",
        _("Security Configuration"),
        ("require_signature", "public_key", "min_trust", "auto_suspend_below"),
    ),
    FormStep(
        "advanced",
        _("Advanced Settings"),
        ("access_scope_kind", "access_scope_ids", "calls_per_hour", "gigabytes_per_day", "allowed_ip_ranges"),
    ),
    FormStep("review", _("Review"), ()),
)
_FIELD_OF_PATH = {
    "access_scope.kind": "access_scope_kind",
    "access_scope.ids": "access_scope_ids",
    "limits.calls_per_hour": "calls_per_hour",
    "limits.bytes_per_day": "gigabytes_per_day",
}
_GROUPS = [(group.code, group.label) for group in RULE_GROUPS.values()]


class LinesField(forms.CharField):
    """A text area with one entry a line; the value is the list of those that are not empty."""

    def __init__(self, **options: Any) -> None:
        rows = options.pop("rows", 2)
        attrs = {"rows": rows, "spellcheck": "false", "placeholder": options.pop("placeholder", "")}
        super().__init__(required=False, widget=forms.Textarea(attrs=attrs), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class RegistrationForm(StepForm):
    """Everything a registration may say. The rules are those of `agents.configuration`; the services apply them."""

    steps = STEPS

    idempotency_key = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput())
    """Made with the form and kept with it: a form that is sent again registers once."""
    name = forms.CharField(
        label=_("Agent Name"),
        max_length=100,
        help_text=_("Unique in the organization; letters, digits and hyphens."),
        widget=forms.TextInput(
            attrs={"placeholder": "claude-code-assistant", "autofocus": True, "spellcheck": "false"}
        ),
    )
    display_name = forms.CharField(
        label=_("Display Name"),
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Claude Code Assistant", "autofocus": True}),
    )
    agent_type = forms.ChoiceField(label=_("Agent Type"), choices=AgentType.choices, initial=AgentType.AI_AGENT)
    version = forms.CharField(
        label=_("Version"), max_length=50, initial="1.0.0", widget=forms.TextInput(attrs={"spellcheck": "false"})
    )
    description = forms.CharField(
        label=_("Description"), required=False, max_length=MAX_DESCRIPTION, widget=forms.Textarea(attrs={"rows": 2})
    )
    capabilities = forms.MultipleChoiceField(
        label=_("Capabilities"), required=False, choices=[(code, item.label) for code, item in CATALOGUE.items()]
    )
    resource_scope = LinesField(
        label=_("Resources"),
        placeholder="/app/",
        help_text=_("One pattern a line, such as /app/ or https://api.example.com/**. Empty: nothing is in scope."),
    )
    approval_groups = forms.MultipleChoiceField(label=_("Require approval for"), required=False, choices=_GROUPS)
    require_approval = LinesField(
        label=_("Further rules that need approval"),
        placeholder="file_delete",
        help_text=_("An action, a capability or *, alone or with a pattern: file_write:/app/config/**"),
    )
    deny_groups = forms.MultipleChoiceField(label=_("Auto-deny"), required=False, choices=_GROUPS)
    auto_deny = LinesField(label=_("Further rules that always deny"), placeholder="*:/etc/**")
    require_signature = forms.BooleanField(label=_("Cryptographic Verification"), required=False, initial=True)
    public_key = forms.CharField(
        label=_("Public key"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(
            attrs={
                "rows": 4,
                "spellcheck": "false",
                "placeholder": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----",
            }
        ),
    )
    min_trust = forms.IntegerField(
        label=_("Minimum trust score to execute"), min_value=0, max_value=100, initial=DEFAULTS["min_trust"]
    )
    auto_suspend_below = forms.IntegerField(
        label=_("Auto-suspend if trust score drops below"),
        min_value=0,
        max_value=100,
        initial=DEFAULTS["auto_suspend_below"],
    )
    access_scope_kind = forms.ChoiceField(label=_("Access Scope"), choices=_SCOPES, initial="organization")
    access_scope_ids = LinesField(
        label=_("Teams or users"),
        help_text=_("One id a line: tea_… for teams; for users the ids that requests name in context.user_id."),
    )
    calls_per_hour = forms.IntegerField(
        label=_("Max API calls per hour"), min_value=1, initial=DEFAULTS["calls_per_hour"]
    )
    gigabytes_per_day = forms.DecimalField(
        label=_("Max data transfer per day, GB"),
        min_value=0,
        max_value=9_000_000,
        decimal_places=9,
        initial=DEFAULTS["bytes_per_day"] // GIGABYTE,
    )
    allowed_ip_ranges = LinesField(
        label=_("Allowed IP ranges"),
        placeholder="10.0.0.0/8",
        help_text=_("One range a line. Empty means any."),
    )

    def configuration(self) -> dict[str, Any]:
        """What `register_agent` takes, of a valid form."""
        values = dict(self.cleaned_data)
        values.pop("public_key", None)
        values["bytes_per_day"] = int(values.pop("gigabytes_per_day") * GIGABYTE)
        values["require_approval"] = _rules(values.pop("approval_groups"), values["require_approval"])
        values["auto_deny"] = _rules(values.pop("deny_groups"), values["auto_deny"])
        return values

    def field_of(self, path: str) -> str:
        return _FIELD_OF_PATH.get(path, path)


def form_values(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration as the form's first values: the known groups by name, what is left in lines."""
    values = dict(configuration)
    values["gigabytes_per_day"] = values.pop("bytes_per_day") / GIGABYTE
    values["gigabytes_per_day"] = f"{values['gigabytes_per_day']:.9f}".rstrip("0").rstrip(".")
    values["approval_groups"], values["require_approval"] = _grouped(values["require_approval"])
    values["deny_groups"], values["auto_deny"] = _grouped(values["auto_deny"])
    return values


def risky(codes: Iterable[str]) -> list[Capability]:
    """Those of the capabilities that a person should think of twice."""
    chosen = (CATALOGUE[code] for code in codes if code in CATALOGUE)
    return [capability for capability in chosen if capability.risk in {Risk.HIGH, Risk.CRITICAL}]


def _rules(groups: Iterable[str], lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*(rule for code in groups for rule in RULE_GROUPS[code].rules), *lines]))


def _grouped(rules: list[str]) -> tuple[list[str], list[str]]:
    whole = [group.code for group in RULE_GROUPS.values() if set(group.rules) <= set(rules)]
    covered = {rule for code in whole for rule in RULE_GROUPS[code].rules}
    return whole, [rule for rule in rules if rule not in covered]
