"""What people configure of an agent: the fields, their defaults and rules, the same for API, pages and services."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from agents.catalogue import CATALOGUE, Risk, validate_rule
from agents.models import Agent, AgentType
from aim.errors import Problem
from aim.resources.patterns import validate_pattern

MAX_NAME = 100
MAX_TAG = 50
MAX_ITEMS = 200
MAX_ITEM = 512
MAX_DESCRIPTION = 4000
MAX_CALLS = 10_000_000
MAX_BYTES = 2**53 - 1
ACCESS_SCOPES = ("organization", "teams", "users")
_NAME = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*", re.ASCII)
_LINE_BREAKERS = {"Cc", "Cs", "Zl", "Zp"}

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "description": "",
        "capabilities": [],
        "resource_scope": [],
        "access_scope_kind": "organization",
        "access_scope_ids": [],
        "calls_per_hour": 1000,
        "bytes_per_day": 10_000_000_000,
        "allowed_ip_ranges": [],
        "require_approval": [],
        "auto_deny": [],
        "tags": [],
        "require_signature": False,
        "min_trust": 70,
        "auto_suspend_below": 50,
    }
)
FIELDS = ("name", "display_name", "agent_type", "version", *DEFAULTS)
_PATHS = {
    "access_scope_kind": "access_scope.kind",
    "access_scope_ids": "access_scope.ids",
    "calls_per_hour": "limits.calls_per_hour",
    "bytes_per_day": "limits.bytes_per_day",
}

Rule = Callable[[Any], list[str]]
_RISKY: Mapping[Risk, str] = {
    Risk.HIGH: gettext_noop("High-risk capability: %(capability)s"),
    Risk.CRITICAL: gettext_noop("Critical-risk capability: %(capability)s"),
}


def configuration_of(agent: Agent) -> dict[str, Any]:
    return {field: getattr(agent, field) for field in FIELDS}


def name_problems(value: Any) -> list[str]:
    if isinstance(value, str) and len(value) <= MAX_NAME and _NAME.fullmatch(value):
        return []
    return [_("Use 1 to 100 letters, digits and single hyphens, dots or underscores, such as claude-code-assistant.")]


def line_problems(value: Any, *, longest: int) -> list[str]:
    """One line of visible text."""
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        return [
            ngettext("Use 1 to %(longest)s character.", "Use 1 to %(longest)s characters.", longest)
            % {"longest": longest}
        ]
    if any(unicodedata.category(character) in _LINE_BREAKERS for character in value):
        return [_("Use one line without control characters.")]
    return []


def capability_problems(value: Any) -> list[str]:
    return [] if value in CATALOGUE else [_("Unknown capability: %(str)s") % {"str": str(value)[:80]}]


def tag_problems(value: Any) -> list[str]:
    if isinstance(value, str) and len(value) <= MAX_TAG and _NAME.fullmatch(value):
        return []
    return [_("Use 1 to 50 letters, digits and single hyphens, dots or underscores, such as production.")]


def ip_range_problems(value: Any) -> list[str]:
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError  # noqa: TRY301 - one message for every way of being no network
        ip_network(value)
    except ValueError:
        return [_("Not an IP address or network such as 10.0.0.0/8 (with all host bits zero).")]
    return []


def text_item_problems(value: Any) -> list[str]:
    return line_problems(value, longest=MAX_ITEM)


ITEM_RULES: Mapping[str, Rule] = {
    "capabilities": capability_problems,
    "resource_scope": validate_pattern,
    "access_scope_ids": text_item_problems,
    "allowed_ip_ranges": ip_range_problems,
    "require_approval": validate_rule,
    "auto_deny": validate_rule,
    "tags": tag_problems,
}
FIELD_RULES: Mapping[str, Rule] = {
    "name": name_problems,
    "display_name": lambda value: line_problems(value, longest=200),
    "version": lambda value: line_problems(value, longest=50),
}
BOUNDS: Mapping[str, tuple[int, int]] = {
    "calls_per_hour": (1, MAX_CALLS),
    "bytes_per_day": (0, MAX_BYTES),
    "min_trust": (0, 100),
    "auto_suspend_below": (0, 100),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "agent_type": tuple(AgentType.values),
    "access_scope_kind": ACCESS_SCOPES,
}


def configuration_problems(configuration: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a complete configuration, of single fields and between them."""
    problems = [problem for field in FIELDS for problem in _field_problems(field, configuration[field])]
    return problems or _contradictions(configuration)


def _field_problems(field: str, value: Any) -> list[Problem]:
    path = _PATHS.get(field, field)
    if field in ITEM_RULES and len(value) <= MAX_ITEMS:
        rule = ITEM_RULES[field]
        return [Problem(f"{path}[{i}]", "invalid", text) for i, item in enumerate(value) for text in rule(item)]
    return [Problem(path, "invalid", text) for text in _whole_problems(field, value)]


def _whole_problems(field: str, value: Any) -> list[str]:
    if field in ITEM_RULES:
        return [ngettext("At most %(most)s entry.", "At most %(most)s entries.", MAX_ITEMS) % {"most": MAX_ITEMS}]
    if field in CHOICES and value not in CHOICES[field]:
        return [_("Choose one of %(choices)s.") % {"choices": ", ".join(CHOICES[field])}]
    if field in BOUNDS and not BOUNDS[field][0] <= value <= BOUNDS[field][1]:
        low, high = BOUNDS[field]
        return [_("Choose a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}]
    if field == "description" and len(value) > MAX_DESCRIPTION:
        sentence = ngettext("Use at most %(most)s character.", "Use at most %(most)s characters.", MAX_DESCRIPTION)
        return [sentence % {"most": MAX_DESCRIPTION}]
    return FIELD_RULES[field](value) if field in FIELD_RULES else []


def _contradictions(configuration: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if configuration["auto_suspend_below"] > configuration["min_trust"]:
        message = _("The threshold for suspending must not be above the minimum trust (min_trust).")
        problems.append(Problem("auto_suspend_below", "above_min_trust", message))
    if configuration["access_scope_kind"] == "organization" and configuration["access_scope_ids"]:
        message = _("Leave the ids empty when the whole organization may use the agent.")
        problems.append(Problem("access_scope.ids", "not_applicable", message))
    if configuration["access_scope_kind"] != "organization" and not configuration["access_scope_ids"]:
        problems.append(Problem("access_scope.ids", "required", _("Name at least one, or nobody can use the agent.")))
    return problems


def warnings_of(configuration: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a person should look at again before giving these rights."""
    warnings = [
        {
            "field": "capabilities",
            "code": "high_risk_capability",
            "message": _(_RISKY[capability.risk]) % {"capability": capability.label},
        }
        for capability in (CATALOGUE[code] for code in configuration["capabilities"])
        if capability.risk in _RISKY
    ]
    if not configuration["require_signature"]:
        message = _("Requests are not signed: whoever holds the API key can act as this agent.")
        warnings.append({"field": "require_signature", "code": "unsigned", "message": message})
    if configuration["capabilities"] and not configuration["resource_scope"]:
        message = _("The resource scope is empty: every action will be denied as out of scope.")
        warnings.append({"field": "resource_scope", "code": "empty_scope", "message": message})
    return warnings
