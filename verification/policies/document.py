"""What a version of a policy says: one document, the same as JSON, as YAML and in the database.

`read_document` takes nothing it does not know and names everything that is wrong. `docs/policies.md` is the reference.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from msgspec import Struct, field
from msgspec import json as msgspec_json

from aim.errors import InvalidInputError
from verification.policies.conditions.registry import CONDITIONS
from verification.policies.reading import UNKNOWN_CONDITION, Reader, Texts
from verification.policies.terms import (
    EFFECTS,
    OPERATORS,
    action_problems,
    agent_problems,
    capability_problems,
    data_class_problems,
    mcp_problems,
    pattern_problems,
    role_problems,
    tag_problems,
    team_problems,
    user_problems,
    value_problems,
)

_encode, _decode = msgspec_json.Encoder().encode, msgspec_json.Decoder().decode
MOST_TESTS = 100
MOST_COMPARISONS = 20
MOST_ALTERNATIVES = 10
LONGEST_EXPIRY = 30 * 24 * 3600
LARGEST_COUNT = 20


class Comparison(Struct, frozen=True, omit_defaults=True):
    """`field` of the request against `value`. `when_missing` is `met`, `not_met`, or empty for the careful choice."""

    field: str
    operator: str
    value: Any
    currency: str = ""
    when_missing: str = ""


class Match(Struct, frozen=True, omit_defaults=True):
    """All lists that are given must hold; of each list one entry is enough."""

    actions: Texts = ()
    capabilities: Texts = ()
    resources: Texts = ()
    data_classes: Texts = ()
    agents: Texts = ()
    teams: Texts = ()
    agent_tags: Texts = ()
    users: Texts = ()
    mcp_servers: Texts = ()
    tools: Texts = ()
    where: tuple[Comparison, ...] = ()


class Approval(Struct, frozen=True, omit_defaults=True):
    roles: Texts = ()
    users: Texts = ()
    teams: Texts = ()
    agents: Texts = ()
    count: int = 1
    exclude_owner: bool = False
    expires_seconds: int | None = None


class PolicyTest(Struct, frozen=True, omit_defaults=True):
    name: str
    request: dict[str, Any]
    expect: str


class Document(Struct, frozen=True, omit_defaults=True):
    name: str
    effect: str
    description: str = ""
    tags: Texts = ()
    match: Match = field(default_factory=Match)
    auto_approve: tuple[dict[str, Any], ...] = ()
    """Alternatives; of each, every condition must hold."""
    approval: Approval = field(default_factory=Approval)
    lifts_agent_list: bool = False
    """Whether an allow policy lifts what the agent's own require-approval list asks."""
    tests: tuple[PolicyTest, ...] = ()

    @property
    def restricts(self) -> bool:
        return self.effect != "allow"


def read_document(value: Any) -> Document:
    """Raises `InvalidInputError` naming every problem, each with its path."""
    reader = Reader()
    document = _document(reader, value)
    if reader.problems:
        raise InvalidInputError(tuple(reader.problems))
    return document


def document_value(document: Document) -> dict[str, Any]:
    """The document as it is written: every field in one order, without those that say nothing."""
    value: dict[str, Any] = _decode(_encode(document))
    if document.match.where:
        value["match"]["where"] = [_comparison_value(comparison) for comparison in document.match.where]
    return {name: value[name] for name in _FIELDS if value.get(name) not in (None, {}, [], ())}


def _comparison_value(comparison: Comparison) -> dict[str, Any]:
    value: dict[str, Any] = {"field": comparison.field, comparison.operator: comparison.value}
    if comparison.currency:
        value["currency"] = comparison.currency
    if comparison.when_missing:
        value["when_missing"] = comparison.when_missing
    return value


def _in_order(value: Any) -> Any:
    """Objects with their members sorted: a document is the same wherever it has been."""
    if isinstance(value, Mapping):
        return {name: _in_order(item) for name, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    return [_in_order(item) for item in value] if isinstance(value, list | tuple) else value


def _document(reader: Reader, value: Any) -> Document:
    body = reader.mapping(value, "", known=(*_FIELDS,))
    effect = reader.choice(body.get("effect"), "effect", EFFECTS)
    document = Document(
        name=reader.line(body.get("name"), "name", longest=200),
        effect=effect,
        description=reader.text(body.get("description", ""), "description", longest=4000),
        tags=reader.texts(body.get("tags", ()), "tags", tag_problems),
        match=_match(reader, body.get("match", {}), restricts=effect != "allow"),
        auto_approve=_alternatives(reader, body.get("auto_approve", ()), effect),
        approval=_approval(reader, body.get("approval", {}), effect),
        lifts_agent_list=reader.truth(body.get("lifts_agent_list", False), "lifts_agent_list"),
        tests=_tests(reader, body.get("tests", ())),
    )
    if document.lifts_agent_list and effect != "allow":
        reader.add(
            "lifts_agent_list", gettext("Only a policy with the effect allow can lift what the agent's own list asks.")
        )
    return document


def _match(reader: Reader, value: Any, *, restricts: bool) -> Match:
    body = reader.mapping(value, "match", known=(*_LISTS, "where"))
    lists = {name: reader.texts(body.get(name, ()), f"match.{name}", rule) for name, rule in _LISTS.items()}
    where = reader.items(body.get("where", ()), "match.where", most=MOST_COMPARISONS)
    comparisons = [_comparison(reader, item, f"match.where[{i}]", restricts=restricts) for i, item in enumerate(where)]
    return Match(**lists, where=tuple(comparisons))


def _comparison(reader: Reader, value: Any, path: str, *, restricts: bool) -> Comparison:
    body = reader.mapping(value, path, known=("field", *OPERATORS, "currency", "when_missing"))
    name = reader.line(body.get("field"), f"{path}.field", longest=200)
    root, _, rest = name.partition(".")
    if name and (root not in {"parameters", "data", "context"} or not all(rest.split("."))):
        reader.add(
            f"{path}.field", gettext("Name a field such as parameters.amount, data.bytes or context.environment.")
        )
    if root == "context" and not restricts:
        reader.add(
            f"{path}.field", gettext("What an agent says of its context cannot allow anything: use parameters or data.")
        )
    given = [operator for operator in OPERATORS if operator in body]
    if len(given) != 1:
        reader.add(path, gettext("Compare in exactly one way: %(operators)s.") % {"operators": ", ".join(OPERATORS)})
        return Comparison(name, "present", value=True)
    operator = given[0]
    for problem in value_problems(operator, body[operator]):
        reader.add(f"{path}.{operator}", problem)
    currency = reader.line(body["currency"], f"{path}.currency", longest=3) if "currency" in body else ""
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isupper()):  # noqa: PLR2004 - ISO 4217
        reader.add(f"{path}.currency", gettext("Use a code of ISO 4217 such as EUR."))
    missing = ""
    if "when_missing" in body:
        missing = reader.choice(body["when_missing"], f"{path}.when_missing", ("met", "not_met"))
        if missing == "met" and not restricts:
            reader.add(f"{path}.when_missing", gettext("A field that is missing cannot allow anything."))
    return Comparison(name, operator, body[operator], currency, missing)


def _alternatives(reader: Reader, value: Any, effect: str) -> tuple[dict[str, Any], ...]:
    alternatives = reader.items(value, "auto_approve", most=MOST_ALTERNATIVES)
    if alternatives and effect != "require_approval":
        reader.add(
            "auto_approve", gettext("Only a policy with the effect require_approval has conditions for auto-approval.")
        )
    read = []
    for i, item in enumerate(alternatives):
        path = f"auto_approve[{i}]"
        body = reader.mapping(item, path, known=tuple(CONDITIONS), unknown=UNKNOWN_CONDITION)
        if isinstance(item, Mapping) and not item:
            reader.add(path, gettext("Name at least one condition."))
        for kind in body:
            if kind in CONDITIONS:
                for problem in CONDITIONS[kind].problems(body[kind]):
                    reader.add(f"{path}.{kind}", problem)
        read.append(_in_order(body))
    return tuple(read)


def _approval(reader: Reader, value: Any, effect: str) -> Approval:
    body = reader.mapping(value, "approval", known=Approval.__struct_fields__)
    if body and effect != "require_approval":
        reader.add("approval", gettext("Only a policy with the effect require_approval asks for approvers."))
    lists = {name: reader.texts(body.get(name, ()), f"approval.{name}", rule) for name, rule in _APPROVERS.items()}
    expires = body.get("expires_seconds")
    return Approval(
        **lists,
        count=reader.number(body.get("count", 1), "approval.count", 1, LARGEST_COUNT),
        exclude_owner=reader.truth(body.get("exclude_owner", False), "approval.exclude_owner"),
        expires_seconds=None
        if expires is None
        else reader.number(expires, "approval.expires_seconds", 1, LONGEST_EXPIRY),
    )


def _tests(reader: Reader, value: Any) -> tuple[PolicyTest, ...]:
    tests = []
    for i, item in enumerate(reader.items(value, "tests", most=MOST_TESTS)):
        path = f"tests[{i}]"
        body = reader.mapping(item, path, known=PolicyTest.__struct_fields__)
        tests.append(
            PolicyTest(
                name=reader.line(body.get("name"), f"{path}.name", longest=200),
                request=_in_order(reader.mapping(body.get("request"), f"{path}.request", known=TEST_FIELDS)),
                expect=reader.choice(body.get("expect"), f"{path}.expect", EXPECTATIONS),
            )
        )
    return tuple(tests)


_FIELDS = Document.__struct_fields__
_LISTS = {
    "actions": action_problems,
    "capabilities": capability_problems,
    "resources": pattern_problems,
    "data_classes": data_class_problems,
    "agents": agent_problems,
    "teams": team_problems,
    "agent_tags": tag_problems,
    "users": user_problems,
    "mcp_servers": mcp_problems,
    "tools": mcp_problems,
}
_APPROVERS = {"roles": role_problems, "users": user_problems, "teams": team_problems, "agents": agent_problems}
EXPECTATIONS = ("approved", "pending", "denied")
TEST_FIELDS = (
    *("action_type", "resource", "parameters", "data", "context", "mcp_server", "tool"),
    *("agent", "agent_tags", "agent_teams", "trust", "address", "role", "at"),
)
