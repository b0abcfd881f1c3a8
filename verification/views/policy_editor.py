"""The editor of policies: rows that read as a sentence beside the YAML, the one written anew when the other changes."""

import re
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.models import Role
from accounts.permissions import Permission
from agents.catalogue import ACTION_TYPES, CATALOGUE
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError, Problem
from aim.ids import IdKind
from verification.fragments import POLICY_EDITOR
from verification.models import Policy
from verification.policies.conditions.registry import CONDITIONS
from verification.policies.form import (
    LISTS,
    ConditionRow,
    MatchRow,
    Rows,
    WhereRow,
    document_from,
    rows_from,
    rows_of,
)
from verification.policies.terms import OPERATORS
from verification.policies.yaml_files import load_yaml, write_yaml
from verification.policy_pages import EFFECT_WORDS, in_form, shown_version
from verification.policy_selectors import check_document, data_classes_visible_to, latest_version, policy_by_id
from verification.services.policies import add_version, create_policy

LONGEST = 65_536
_ROW = re.compile(r"(match|where|condition|alternative)-(\d{1,3})(?:-(\d{1,3}))?")

# What a new policy may begin with; the first is the example that documents the product.
EXAMPLES: dict[str, dict[str, Any]] = {
    "sensitive": {
        "name": "Sensitive files require approval",
        "effect": "require_approval",
        "match": {"resources": ["/app/config/**"]},
        "auto_approve": [
            {"user_role": ["admin"]},
            {
                "read_only": True,
                "working_hours": {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"},
            },
        ],
    },
    "refunds": {
        "name": "Refunds over €500 need a person",
        "effect": "require_approval",
        "match": {
            "actions": ["refund"],
            "where": [{"field": "parameters.amount", "more_than": 500, "currency": "EUR"}],
        },
        "approval": {"roles": ["manager", "admin"], "exclude_owner": True, "expires_seconds": 3600},
    },
    "exports": {
        "name": "Nobody exports more than 10,000 records",
        "effect": "deny",
        "match": {"where": [{"field": "data.records", "more_than": 10_000}]},
    },
}
_LIST_WORDS = {
    "actions": gettext_lazy("the action is"),
    "capabilities": gettext_lazy("the capability is"),
    "resources": gettext_lazy("the resource matches"),
    "data_classes": gettext_lazy("the data is"),
    "agents": gettext_lazy("the agent is"),
    "teams": gettext_lazy("the agent’s team is"),
    "agent_tags": gettext_lazy("the agent is tagged"),
    "users": gettext_lazy("the user is"),
    "mcp_servers": gettext_lazy("the MCP server is"),
    "tools": gettext_lazy("the tool is"),
}
_OPERATOR_WORDS = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "one_of": gettext_lazy("is one of"),
    "none_of": gettext_lazy("is none of"),
    "more_than": gettext_lazy("is more than"),
    "at_least": gettext_lazy("is at least"),
    "less_than": gettext_lazy("is less than"),
    "at_most": gettext_lazy("is at most"),
    "contains": gettext_lazy("contains"),
    "starts_with": gettext_lazy("starts with"),
    "ends_with": gettext_lazy("ends with"),
    "present": gettext_lazy("is present"),
}
_CONDITION_WORDS = {
    "user_role": gettext_lazy("the user has the role"),
    "read_only": gettext_lazy("the action is read-only"),
    "working_hours": gettext_lazy("it is within the hours"),
    "recurrence": gettext_lazy("it is one of the days"),
    "trust_at_least": gettext_lazy("the agent’s trust is at least"),
    "address_in": gettext_lazy("the request comes from"),
    "data_class": gettext_lazy("the data is"),
    "amount_at_most": gettext_lazy("the amount is at most"),
}
_CONDITION_HINTS = {
    "user_role": "admin, manager",
    "working_hours": "mon, tue, wed, thu, fri 09:00-17:00",
    "trust_at_least": "90",
    "address_in": "10.0.0.0/8",
    "data_class": "public",
    "amount_at_most": "parameters.amount 500 EUR",
    "recurrence": "{from: '09:00', to: '17:00', days_of_month: [1, -1]}",
}


@dataclass(slots=True)
class Editor:
    """What stands in both halves, and what there is to say of it. `seen` is the YAML that the rows agree with."""

    rows: Rows
    yaml: str
    seen: str
    value: Any = None
    checked: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_WRITE)
def policy_new(request: HttpRequest, actor: Actor) -> HttpResponse:
    if request.method == "POST":
        return _edited(request, actor, None)
    example = EXAMPLES.get(request.GET.get("example", ""))
    return _page(request, actor, None, _of_value(actor, example) if example else Editor(_blank(), "", ""))


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_WRITE)
def policy_edit(request: HttpRequest, actor: Actor, policy_id: str) -> HttpResponse:
    """Makes the next version, a draft; what is in force stays."""
    policy = policy_by_id(actor, path_id(IdKind.POLICY, policy_id))
    if request.method == "POST":
        return _edited(request, actor, policy)
    version = shown_version(policy, request.GET.get("version") or str(latest_version(policy).number))
    return _page(request, actor, policy, _of_value(actor, in_form(version)))


def _edited(request: HttpRequest, actor: Actor, policy: Policy | None) -> HttpResponse:
    editor = _posted(request, actor)
    if request.POST.get("do") != "save" or editor.checked is None:
        return _page(request, actor, policy, editor, failed=request.POST.get("do") == "save")
    note = request.POST.get("note", "")[:2000]
    try:
        version = (
            create_policy(actor, editor.value, note=note)
            if policy is None
            else add_version(actor, policy.id, editor.value, note=note)
        )
    except (InvalidInputError, ConflictError) as error:
        editor.problems = list(error.problems) or [Problem("", error.code, error.message)]
        return _page(request, actor, policy, editor, failed=True)
    say(
        request, _("Saved as version %(n)d, a draft. It decides nothing until it is activated.") % {"n": version.number}
    )
    response = redirect_to(request, "verification:policy-detail", version.policy.public_id)
    name = "HX-Redirect" if "HX-Redirect" in response.headers else "Location"
    response[name] = f"{response[name]}?version={version.number}"
    return response


def _posted(request: HttpRequest, actor: Actor) -> Editor:
    """The half that was changed is the truth, and the other is written anew from it."""
    text, seen = (request.POST.get(name, "").replace("\r\n", "\n")[:LONGEST] for name in ("yaml", "seen"))
    rows = rows_from(request.POST)
    if text.strip() != seen.strip():
        try:
            value = load_yaml(text)
        except InvalidInputError as error:
            return Editor(rows, text, seen, problems=list(error.problems))
        # What people write stays as they wrote it, comments and all; the record has it in its own form.
        editor = Editor(rows_of(value), text, text, value)
        return _check(actor, editor)
    _change_rows(rows, request.POST.get("do", ""))
    try:
        before = load_yaml(seen) if seen.strip() else {}
    except InvalidInputError:
        before = {}
    value = document_from(rows, before)
    said = document_from(rows_of(before), before) if before else None
    # Rows that say the same leave the text alone, so that comments in it survive an empty row.
    text = seen if said == value else write_yaml(value)
    return _check(actor, Editor(rows, text, text, value))


def _of_value(actor: Actor, value: dict[str, Any]) -> Editor:
    text = write_yaml(value)
    return _check(actor, Editor(rows_of(value), text, text, value))


def _check(actor: Actor, editor: Editor) -> Editor:
    try:
        editor.checked = check_document(actor, editor.value)
    except InvalidInputError as error:
        editor.problems = list(error.problems)
    return editor


def _change_rows(rows: Rows, act: str) -> None:
    """Add or remove a row: `add-match`, `remove-where-2`, `add-condition-1`, `remove-condition-1-0`."""
    verb, _sign, rest = act.partition("-")
    found = _ROW.fullmatch(rest if any(letter.isdigit() for letter in rest) else f"{rest}-0")
    if verb not in {"add", "remove"} or found is None:
        return
    what, first, second = found[1], int(found[2]), int(found[3] or 0)
    if verb == "add":
        match what:
            case "match":
                rows.match.append(MatchRow())
            case "where":
                rows.where.append(WhereRow())
            case "alternative":
                rows.alternatives.append([ConditionRow()])
            case _ if first < len(rows.alternatives):
                rows.alternatives[first].append(ConditionRow())
        return
    lists: dict[str, list[Any]] = {"match": rows.match, "where": rows.where, "alternative": rows.alternatives}
    if what in lists and first < len(lists[what]):
        del lists[what][first]
    elif what == "condition" and first < len(rows.alternatives) and second < len(rows.alternatives[first]):
        del rows.alternatives[first][second]
        if not rows.alternatives[first]:
            del rows.alternatives[first]


def _blank() -> Rows:
    return Rows(match=[MatchRow(name="resources")])


def _page(
    request: HttpRequest, actor: Actor, policy: Policy | None, editor: Editor, *, failed: bool = False
) -> HttpResponse:
    rows = editor.rows
    context = {
        "policy": policy,
        "editor": editor,
        "rows": rows,
        "failed": failed,
        "touched": failed or bool(editor.seen),
        "effects": EFFECT_WORDS,
        "lists": {name: _LIST_WORDS[name] for name in LISTS},
        "operators": {name: _OPERATOR_WORDS[name] for name in OPERATORS},
        "conditions": {name: _CONDITION_WORDS[name] for name in CONDITIONS},
        "condition_hints": _CONDITION_HINTS,
        "roles": Role.choices,
        "actions": sorted(ACTION_TYPES),
        "capabilities": sorted(CATALOGUE),
        "data_classes": [one.name for one in data_classes_visible_to(actor)],
        "note": request.POST.get("note", ""),
    }
    status = 422 if failed and request.method == "POST" else 200
    template = "verification/policy_editor.html"
    return render_page(request, template, context, fragments={POLICY_EDITOR: "editor"}, status=status)
