"""A policy's document as fields that people fill in, and back: rows of words instead of YAML.

`rows_of` never fails, whatever the document holds: what it cannot show in a row stays in the document untouched.
`document_from` makes a document of what was posted; the document's own rules judge it, not this module.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aim.errors import InvalidInputError
from verification.policies.document import Approval, Match
from verification.policies.terms import OPERATORS
from verification.policies.yaml_files import load_yaml

LISTS = tuple(name for name in Match.__struct_fields__ if name != "where")
APPROVER_LISTS = ("users", "teams", "agents")
MOST_ROWS = 200
_MINUTE = 60
_HOURS = re.compile(
    r"(?P<days>[a-z, ]+?)\s+(?P<from>\d\d:\d\d)\s*[-–]\s*(?P<to>\d\d:\d\d)(?:\s+except\s+(?P<except>.+))?"
)
_AMOUNT = re.compile(r"(?P<field>\S+)\s+(?P<value>-?[\d.]+)(?:\s+(?P<currency>[A-Z]{3}))?")
_LISTED = {"user_role", "address_in", "data_class"}
_SCALAR = re.compile(r'true|false|null|".*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)


@dataclass(slots=True)
class MatchRow:
    """`values` are written one after the other with commas; one that has a comma stands in quotation marks."""

    name: str = ""
    values: str = ""


@dataclass(slots=True)
class WhereRow:
    field: str = ""
    operator: str = "is"
    value: str = ""
    currency: str = ""
    missing: str = ""


@dataclass(slots=True)
class ConditionRow:
    kind: str = ""
    value: str = ""


@dataclass(slots=True)
class Rows:
    """Everything that the form shows; `alternatives` hold the conditions of each."""

    name: str = ""
    description: str = ""
    tags: str = ""
    effect: str = "require_approval"
    match: list[MatchRow] = field(default_factory=list)
    where: list[WhereRow] = field(default_factory=list)
    alternatives: list[list[ConditionRow]] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    users: str = ""
    teams: str = ""
    agents: str = ""
    count: str = "1"
    exclude_owner: bool = False
    expires: str = ""
    """Minutes, or seconds as "90 s"."""
    lifts_agent_list: bool = False


def rows_of(document: Any) -> Rows:
    """The rows of a document, as far as it is one."""
    body = document if isinstance(document, Mapping) else {}
    match, approval = _mapping(body.get("match")), _mapping(body.get("approval"))
    effect = body.get("effect")
    return Rows(
        name=_text(body.get("name")),
        description=_text(body.get("description")),
        tags=join(_list(body.get("tags"))),
        effect=effect if isinstance(effect, str) else "",
        match=[MatchRow(name, join(_list(match[name]))) for name in LISTS if _list(match.get(name))],
        where=[_where_row(item) for item in _list(match.get("where")) if isinstance(item, Mapping)],
        alternatives=[
            [ConditionRow(str(kind), show_condition(str(kind), value)) for kind, value in item.items()]
            for item in _list(body.get("auto_approve"))
            if isinstance(item, Mapping)
        ],
        roles=[str(role) for role in _list(approval.get("roles"))],
        **{name: join(_list(approval.get(name))) for name in APPROVER_LISTS},
        count=_text(approval.get("count", 1)),
        exclude_owner=approval.get("exclude_owner") is True,
        expires=_show_expiry(approval.get("expires_seconds")),
        lifts_agent_list=body.get("lifts_agent_list") is True,
    )


def rows_from(posted: Any) -> Rows:
    """The rows as they were posted (a `QueryDict`), blank ones among them, so that nothing vanishes while one types."""
    return Rows(
        name=posted.get("name", ""),
        description=posted.get("description", ""),
        tags=posted.get("tags", ""),
        effect=posted.get("effect", ""),
        match=[MatchRow(*parts) for parts in _columns(posted, "match_name", "match_values")],
        where=[
            WhereRow(*parts)
            for parts in _columns(
                posted, "where_field", "where_operator", "where_value", "where_currency", "where_missing"
            )
        ],
        alternatives=_posted_alternatives(posted),
        roles=posted.getlist("roles"),
        **{name: posted.get(f"approval_{name}", "") for name in APPROVER_LISTS},
        count=posted.get("count", "1"),
        exclude_owner="exclude_owner" in posted,
        expires=posted.get("expires", ""),
        lifts_agent_list="lifts_agent_list" in posted,
    )


def document_from(rows: Rows, before: Any) -> dict[str, Any]:
    """The document that the rows say, with the tests that `before` holds. Rows that are blank say nothing."""
    document: dict[str, Any] = {"name": rows.name.strip(), "effect": rows.effect}
    document["description"] = rows.description.strip()
    document["tags"] = split(rows.tags)
    match: dict[str, Any] = {}
    for row in rows.match:
        if row.name and split(row.values):
            match.setdefault(row.name, []).extend(split(row.values))
    match["where"] = [_comparison(row) for row in rows.where if row.field.strip()]
    document["match"] = match
    if rows.effect == "require_approval":
        document["auto_approve"] = [
            {row.kind: read_condition(row.kind, row.value) for row in conditions if _says_something(row)}
            for conditions in rows.alternatives
            if any(_says_something(row) for row in conditions)
        ]
        document["approval"] = _approval(rows)
    if rows.effect == "allow":
        document["lifts_agent_list"] = rows.lifts_agent_list
    tests = before.get("tests") if isinstance(before, Mapping) else None
    document["tests"] = tests or []
    document["match"] = {name: value for name, value in match.items() if value}
    return {name: value for name, value in document.items() if value not in ("", [], {}, False)}


def split(text: str) -> list[str]:
    """`a, "b, c"` as its values."""
    rows = csv.reader(
        io.StringIO(text.replace("\r", " ").replace("\n", ",").replace("\x00", "")), skipinitialspace=True
    )
    return [value.strip() for row in rows for value in row if value.strip()]


def join(values: Sequence[Any]) -> str:
    return ", ".join(_quoted(value if isinstance(value, str) else _text(value)) for value in values)


def show_condition(kind: str, value: Any) -> str:
    """The value of a condition as one writes it in a row."""
    body = _mapping(value)
    if kind in _LISTED and isinstance(value, list):
        return join(value)
    if kind == "read_only" and value is True:
        return ""
    if kind == "working_hours" and body.keys() <= {"days", "from", "to", "except"} and _list(body.get("days")):
        text = f"{', '.join(map(str, body['days']))} {body.get('from')}-{body.get('to')}"
        return f"{text} except {', '.join(map(str, body['except']))}" if body.get("except") else text
    if kind == "amount_at_most" and body.keys() <= {"field", "value", "currency"}:
        return " ".join(_text(body[name]) for name in ("field", "value", "currency") if name in body)
    return _text(value)


def read_condition(kind: str, text: str) -> Any:
    """What a row says; text that is not of the kind's form stays text, and the document's rules refuse it."""
    text = text.strip()
    if kind == "read_only" and not text:
        return True
    if kind in _LISTED:
        return split(text)
    if kind == "working_hours" and (found := _HOURS.fullmatch(text)):
        value: dict[str, Any] = {"days": split(found["days"]), "from": found["from"], "to": found["to"]}
        return value | ({"except": split(found["except"])} if found["except"] else {})
    if kind == "amount_at_most" and (found := _AMOUNT.fullmatch(text)):
        value = {"field": found["field"], "value": _scalar(found["value"])}
        return value | ({"currency": found["currency"]} if found["currency"] else {})
    if text.startswith("{"):
        try:
            return load_yaml(text)
        except InvalidInputError:
            return text
    return _scalar(text)


def _says_something(row: ConditionRow) -> bool:
    return bool(row.kind) and (bool(row.value.strip()) or row.kind == "read_only")


def _approval(rows: Rows) -> dict[str, Any]:
    approval: dict[str, Any] = {"roles": list(rows.roles)}
    approval |= {name: split(getattr(rows, name)) for name in APPROVER_LISTS}
    if (count := _scalar(rows.count.strip() or "1")) != 1:
        approval["count"] = count
    approval["exclude_owner"] = rows.exclude_owner
    if rows.expires.strip():
        approval["expires_seconds"] = _read_expiry(rows.expires)
    known = Approval.__struct_fields__
    return {name: approval[name] for name in known if approval.get(name) not in (None, [], False)}


def _where_row(item: Mapping[str, Any]) -> WhereRow:
    operator = next((name for name in OPERATORS if name in item), "is")
    value = item.get(operator)
    shown = join([_show_scalar(one) for one in value]) if isinstance(value, list) else _show_scalar(value)
    return WhereRow(
        field=_text(item.get("field")),
        operator=operator,
        value="" if operator not in item else shown,
        currency=_text(item.get("currency")),
        missing=_text(item.get("when_missing")),
    )


def _comparison(row: WhereRow) -> dict[str, Any]:
    value: Any
    if row.operator in {"one_of", "none_of"}:
        value = [_scalar(one) for one in split(row.value)]
    elif row.operator == "present":
        value = row.value.strip().lower() not in {"false", "no"}
    else:
        value = _scalar(row.value.strip())
    comparison: dict[str, Any] = {"field": row.field.strip(), row.operator: value}
    if row.currency.strip():
        comparison["currency"] = row.currency.strip().upper()
    if row.missing:
        comparison["when_missing"] = row.missing
    return comparison


def _posted_alternatives(posted: Any) -> list[list[ConditionRow]]:
    """`alternative` says of each row, in order, which alternative it belongs to."""
    found: dict[str, list[ConditionRow]] = {}
    for at, kind, value in _columns(posted, "alternative", "condition_kind", "condition_value"):
        found.setdefault(at, []).append(ConditionRow(kind, value))
    return list(found.values())


def _columns(posted: Any, *names: str) -> Iterator[tuple[str, ...]]:
    lists = [posted.getlist(name)[:MOST_ROWS] for name in names]
    longest = max(map(len, lists), default=0)
    for at in range(longest):
        yield tuple(values[at] if at < len(values) else "" for values in lists)


def _scalar(text: str) -> Any:
    """A number, truth value or quoted text as JSON has it; everything else is the text it is."""
    if not _SCALAR.fullmatch(text):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show_scalar(value: Any) -> str:
    text = _text(value)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and _SCALAR.fullmatch(value) else text


def _show_expiry(seconds: Any) -> str:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return _text(seconds)
    return f"{seconds} s" if seconds % _MINUTE else str(seconds // _MINUTE)


def _read_expiry(text: str) -> Any:
    text = text.strip()
    if text.endswith("s") and text[:-1].strip().isdecimal():
        return int(text[:-1])
    return int(text) * _MINUTE if text.isdecimal() and text.isascii() else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text or text != text.strip() else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
