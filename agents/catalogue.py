"""The capabilities an agent can be given, the action types each covers, and the rules written in their terms."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from aim.resources.patterns import validate_pattern

ANY_ACTION = "*"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Capability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something an agent may do. `code` is stored for ever; `actions` are the action types of requests it covers."""

    code: str
    label: str
    description: str
    risk: Risk
    actions: tuple[str, ...]


class RuleGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that people choose together under one label."""

    code: str
    label: str
    rules: tuple[str, ...]


class Rule(NamedTuple):
    """`actions` is None for any action; `pattern` is None for any resource."""

    actions: frozenset[str] | None
    pattern: str | None


class CatalogueError(Exception):
    """The catalogue contradicts itself: the process must not start with it."""


class InvalidRuleError(ValueError):
    """The text is no rule; the message says what is wrong with it."""


class _Catalogue(msgspec.Struct, forbid_unknown_fields=True):
    capability: list[Capability]
    rule_group: list[RuleGroup]


_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")
_ACTION = re.compile(r"[a-z]+(?:_[a-z]+)*")


def load_catalogue(text: str) -> _Catalogue:
    """The catalogue in the TOML text; raises `CatalogueError` naming every contradiction."""
    try:
        catalogue = msgspec.toml.decode(text, type=_Catalogue)
    except msgspec.ValidationError as error:
        raise CatalogueError(str(error)) from error
    codes = [capability.code for capability in catalogue.capability]
    actions = [action for capability in catalogue.capability for action in capability.actions]
    groups = [group.code for group in catalogue.rule_group]
    problems = [f"{name} appears twice" for name, count in Counter(codes + actions + groups).items() if count > 1]
    problems += [f"{code} is not a code of the form area.verb" for code in codes if not _CODE.fullmatch(code)]
    problems += [f"{name} is not in snake_case" for name in actions + groups if not _ACTION.fullmatch(name)]
    problems += [f"{capability.code} has no actions" for capability in catalogue.capability if not capability.actions]
    if problems:
        raise CatalogueError("; ".join(problems))
    return catalogue


_catalogue = load_catalogue(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
CATALOGUE: Mapping[str, Capability] = MappingProxyType({item.code: item for item in _catalogue.capability})
RULE_GROUPS: Mapping[str, RuleGroup] = MappingProxyType({group.code: group for group in _catalogue.rule_group})
_BY_ACTION = {action: capability for capability in CATALOGUE.values() for action in capability.actions}
ACTION_TYPES: frozenset[str] = frozenset(_BY_ACTION)


def capability_of(action_type: str) -> Capability | None:
    """The capability that covers the action type, or None for one that nobody can be allowed."""
    return _BY_ACTION.get(action_type)


def actions_of(codes: Iterable[str]) -> frozenset[str]:
    """All action types that these capabilities cover; an unknown code covers none."""
    return frozenset(action for code in codes if code in CATALOGUE for action in CATALOGUE[code].actions)


def parse_rule(text: str) -> Rule:
    """`WHAT` or `WHAT:PATTERN`, where WHAT is an action type, a capability's code or `*`; raises `InvalidRuleError`."""
    what, colon, pattern = text.partition(":")
    if what == ANY_ACTION and not colon:
        raise InvalidRuleError("Name an action, a capability, or a resource behind *: such as *:/etc/**.")
    if what not in CATALOGUE and what not in ACTION_TYPES and what != ANY_ACTION:
        raise InvalidRuleError(f"Unknown action or capability: {what[:80] or '(empty)'}")
    if colon and (problems := validate_pattern(pattern)):
        raise InvalidRuleError(" ".join(problems))
    actions = None if what == ANY_ACTION else actions_of([what]) or frozenset({what})
    return Rule(actions, pattern if colon else None)


def validate_rule(text: str) -> list[str]:
    """What is wrong with an entry of a require-approval or auto-deny list; empty when it is fine."""
    try:
        parse_rule(text)
    except InvalidRuleError as error:
        return [str(error)]
    return []


for _group in RULE_GROUPS.values():
    if _problems := [f"{rule}: {problem}" for rule in _group.rules for problem in validate_rule(rule)]:
        raise CatalogueError("; ".join(_problems))
