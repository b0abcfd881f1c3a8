"""The welcome tour in a dialog: what AIM does, where things are, and what to do first."""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.services.tour import STEPS, reach_step, show_tour
from aim.console.navigation import entries_for
from aim.console.pages import redirect_to, render_page, trigger

_WORDS: dict[str, Promise] = {
    "verification:overview": _("What needs you first, and how the day went"),
    "verification:verification-list": _("Every decision, live, with its checks, its reasons and its proof"),
    "verification:approval-inbox": _("Actions that wait for a person, with what you need to decide"),
    "security:reports": _("What people saw agents do that they should not"),
    "agents:agent-list": _("Who may act here: keys, rights, trust and history"),
    "mcp:server-list": _("The servers that agents call, with their keys and tools"),
    "verification:policy-list": _("Rules in sentences: what is denied, and what needs a person"),
    "accounts:settings": _("People, roles, sign-in, alerts and tokens"),
}


class QuickAction(NamedTuple):
    permission: Permission
    url_name: str
    query: str
    icon: str
    label: Promise
    text: Promise


_ACTIONS = (
    QuickAction(
        Permission.MEMBERS_WRITE,
        "accounts:members",
        "?invite",
        "user-plus",
        _("Invite your team"),
        _("By mail, with a role each"),
    ),
    QuickAction(
        Permission.AGENTS_WRITE,
        "agents:agent-list",
        "",
        "bot",
        _("Register an agent"),
        _("By a form, or by the command that the empty list shows"),
    ),
    QuickAction(
        Permission.POLICIES_WRITE,
        "verification:policy-list",
        "",
        "file-check",
        _("Configure security policies"),
        _("Try a rule on what was asked before it is in force"),
    ),
    QuickAction(
        Permission.AGENTS_REQUEST,
        "agents:agent-requests",
        "",
        "hand-helping",
        _("Request an agent"),
        _("Those who register agents answer"),
    ),
    QuickAction(
        Permission.VERIFICATIONS_READ,
        "verification:verification-list",
        "",
        "list-checks",
        _("Watch what agents ask"),
        _("Within a second of the decision"),
    ),
)
_MOST_ACTIONS = 4


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.ORGANIZATION_READ)
def tour(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Posted to, it moves: `go` is show, next, back, skip or done. What is left goes on there the next time."""
    step = show_tour(actor)
    go, at = request.POST.get("go", ""), request.POST.get("step", "")
    if go in {"skip", "done"}:
        if go == "done":
            reach_step(actor, 1)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect_to(request, "verification:overview")
        return trigger(HttpResponse(status=204), "aim:close-dialog")
    if go in {"next", "back"} and at.isascii() and at.isdigit():
        step = reach_step(actor, int(at[:2]) + (1 if go == "next" else -1))
    context = {
        "step": step,
        "steps": STEPS,
        "places": [(entry, reverse(entry.url_name), _WORDS.get(entry.url_name, "")) for entry in entries_for(actor)],
        "actions": _actions_of(actor),
    }
    return render_page(request, "accounts/tour.html", context, fragments={"dialog": "dialog"})


def _actions_of(actor: Actor) -> list[tuple[QuickAction, str]]:
    found = []
    for action in _ACTIONS:
        if not actor.may(action.permission):
            continue
        try:
            found.append((action, reverse(action.url_name) + action.query))
        except NoReverseMatch:  # A room whose pages are not there yet.
            continue
    return found[:_MOST_ACTIONS]
