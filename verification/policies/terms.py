"""The words of the policy language, and what is wrong with a use of each."""

import re
from decimal import Decimal
from math import isfinite
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Role
from agents.catalogue import ACTION_TYPES, CATALOGUE
from agents.configuration import tag_problems as tag_problems
from aim.api.strict_json import hostile_text
from aim.canonical import LARGEST_INTEGER
from aim.ids import IdKind, InvalidIdError, parse_id
from aim.resources.patterns import validate_pattern

EFFECTS = ("deny", "require_approval", "allow")
OPERATORS = (
    *("is", "is_not", "one_of", "none_of", "more_than", "at_least", "less_than", "at_most"),
    *("contains", "starts_with", "ends_with", "present"),
)
NUMERIC = frozenset({"more_than", "at_least", "less_than", "at_most"})
READ_ONLY_ACTIONS = frozenset(
    action
    for capability in CATALOGUE.values()
    if capability.code.endswith((".read", "_read"))
    for action in capability.actions
)
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,15})?", re.ASCII)
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_LONGEST_VALUE = 512
_MOST_VALUES = 200


def number_of(value: Any) -> Decimal | None:
    """The exact number in a JSON number or in decimal text; None for everything else, truth values among it."""
    kind = type(value)
    if kind is int:
        return Decimal(value)
    if kind is float:
        return Decimal(repr(value)) if isfinite(value) else None
    if kind is str and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def action_problems(text: str) -> list[str]:
    if text in ACTION_TYPES or text in CATALOGUE:
        return []
    return [_("Unknown action or capability: %(text)s") % {"text": text[:80]}]


def capability_problems(text: str) -> list[str]:
    return [] if text in CATALOGUE else [_("Unknown capability: %(text)s") % {"text": text[:80]}]


def pattern_problems(text: str) -> list[str]:
    return validate_pattern(text)


def data_class_problems(text: str) -> list[str]:
    return [] if len(text) <= 50 and _NAME.fullmatch(text) else [_("Use lower-case letters, digits, . _ and -.")]  # noqa: PLR2004 - as long as the column


def agent_problems(text: str) -> list[str]:
    """An agent's id, or its name: which agents there are is the linter's question."""
    return _id_problems(text, IdKind.AGENT) if text.startswith("agt_") else []


def team_problems(text: str) -> list[str]:
    return _id_problems(text, IdKind.TEAM)


def user_problems(text: str) -> list[str]:
    """Our own ids are checked; others are those of the customer's systems, as `context.user_id` carries them."""
    return [_("Too long: %(text)s…") % {"text": text[:20]}] if len(text) > 200 else []  # noqa: PLR2004 - as long as requests may say it


def mcp_problems(text: str) -> list[str]:
    return [] if text.strip("*") else [_("Name something; leave the list out for any.")]


def role_problems(text: str) -> list[str]:
    return [] if text in Role.values else [_("Choose one of %(choices)s.") % {"choices": ", ".join(Role.values)}]


def value_problems(operator: str, value: Any) -> list[str]:
    """What is wrong with the right-hand side of a comparison."""
    if operator in NUMERIC:
        if number_of(value) is None:
            return [_("Must be a number, or a decimal number as text.")]
        return _scalar_problems(value)
    if operator == "present":
        return [] if type(value) is bool else [_("Must be true or false.")]
    if operator in {"starts_with", "ends_with"}:
        return [] if isinstance(value, str) and value and not _scalar_problems(value) else [_("Must be text.")]
    if operator in {"one_of", "none_of"}:
        if not isinstance(value, list) or not 0 < len(value) <= _MOST_VALUES:
            return [
                ngettext(
                    "Must be a list of 1 to %(most)s value.", "Must be a list of 1 to %(most)s values.", _MOST_VALUES
                )
                % {"most": _MOST_VALUES}
            ]
        return [problem for item in value for problem in _scalar_problems(item)]
    return _scalar_problems(value)


def _scalar_problems(value: Any) -> list[str]:
    if isinstance(value, str):
        return [_("Too long, or not storable.")] if len(value) > _LONGEST_VALUE or hostile_text(value) else []
    if type(value) is int:
        return [] if abs(value) <= LARGEST_INTEGER else [_("Write such a large number as text.")]
    if type(value) is bool or (type(value) is float and isfinite(value)):
        return []
    return [_("Must be text, a number, true or false.")]


def _id_problems(text: str, kind: IdKind) -> list[str]:
    try:
        parse_id(kind, text)
    except InvalidIdError:
        return [_("Not an id of the form %(kind)s_…") % {"kind": kind}]
    return []
