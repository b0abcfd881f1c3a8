"""One server: how it is, how it proves itself, what it offers, who uses it, and everything that was changed of it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.forms import ReasonForm
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import Step, say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from mcp.fragments import SERVER_STATE
from mcp.identity import identity_of
from mcp.models import McpServer, ServerStatus
from mcp.selectors import last_failure, server_by_id
from mcp.services.lifecycle import resume_server, retire_server, suspend_server
from mcp.tabs import tabs_for


@require_safe
@console_page(Permission.MCP_READ)
def server_detail(request: HttpRequest, actor: Actor, server_id: str) -> HttpResponse:
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    tabs = tabs_for(actor)
    asked = request.GET.get("tab", "")
    current = next((tab for tab in tabs if tab.name == asked), tabs[0])
    address = reverse("mcp:server-detail", args=[server.public_id])
    context = {
        "server": server,
        "identity": identity_of(server),
        "failure": last_failure(server),
        "tabs": [{"label": tab.label, "url": f"{address}?tab={tab.name}", "current": tab is current} for tab in tabs],
        "tab": current.name,
        "tab_template": current.template,
        "address": address,
        **allowed(actor, server),
        **current.context(request, actor, server),
    }
    parts = {SERVER_STATE: "state"}
    return render_page(request, "mcp/server_detail.html", context, fragments=parts)


def allowed(actor: Actor, server: McpServer) -> dict[str, bool]:
    """Which acts this person may do on this server as it is: nothing is offered that would be refused."""
    lifecycle = actor.may(Permission.MCP_LIFECYCLE)
    living = server.status != ServerStatus.RETIRED
    return {
        "may_edit": actor.may(Permission.MCP_WRITE) and living,
        "may_report": actor.may(Permission.MCP_REPORT),
        "may_suspend": lifecycle and server.status == ServerStatus.ACTIVE,
        "may_resume": lifecycle and server.status == ServerStatus.SUSPENDED,
        "may_retire": lifecycle and living,
    }


# The changes of state, each with its words. The same dialog asks for the reason.
_ACTS: Mapping[str, dict[str, Any]] = {
    "suspend": {
        "service": suspend_server,
        "title": gettext_lazy("Suspend MCP server"),
        "text": gettext_lazy(
            "From the moment this is confirmed, no call through the server is approved until it is resumed."
        ),
        "button": gettext_lazy("Suspend now"),
        "busy": gettext_lazy("Suspending…"),
        "said": gettext_lazy("%(name)s is suspended."),
        "danger": True,
        "again": gettext_lazy("Continue suspending %(name)s?"),
    },
    "resume": {
        "service": resume_server,
        "title": gettext_lazy("Resume MCP server"),
        "text": gettext_lazy("Calls through it are approved again, as far as its verification and its tools allow."),
        "button": gettext_lazy("Resume"),
        "busy": gettext_lazy("Resuming…"),
        "said": gettext_lazy("%(name)s is in use again."),
        "danger": False,
        "again": gettext_lazy("Continue resuming %(name)s?"),
    },
    "retire": {
        "service": retire_server,
        "title": gettext_lazy("Retire MCP server"),
        "text": gettext_lazy(
            "For ever: every call through it is denied from now on, and nobody can take it back. The server and its"
            " records stay."
        ),
        "button": gettext_lazy("Retire for ever"),
        "busy": gettext_lazy("Retiring…"),
        "said": gettext_lazy("%(name)s is retired."),
        "danger": True,
        "again": gettext_lazy("Continue retiring %(name)s?"),
    },
}


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.MCP_LIFECYCLE)
def server_act(request: HttpRequest, actor: Actor, server_id: str, verb: str) -> HttpResponse:
    """Suspend, resume or retire: first asks for the reason, then does it by the service that the API calls."""
    act = _ACTS[verb]
    server = server_by_id(actor, path_id(IdKind.MCP_SERVER, server_id))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            act["service"](actor, server.id, reason=form.cleaned_data["reason"])
        except (ConflictError, InvalidInputError) as error:
            form.add_error("reason", error.message)
        else:
            say(request, act["said"] % {"name": server.display_name}, step=_undo(server, verb))
            return redirect_to(request, "mcp:server-detail", server.public_id)
    status = 422 if form.errors else 200
    again = act["again"] % {"name": server.display_name}
    context = {"server": server, "verb": verb, "act": act, "form": form, "again": again}
    return render_page(request, "mcp/server_act.html", context, fragments={"dialog": "dialog"}, status=status)


def _undo(server: McpServer, verb: str) -> Step | None:
    if verb != "suspend":
        return None
    return Step(_("Resume…"), reverse("mcp:server-act", args=[server.public_id, "resume"]))
