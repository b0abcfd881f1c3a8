"""Requests for agents: a member asks, whoever registers agents answers, the member sees what came of it."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.catalogue import CATALOGUE
from agents.forms import AgentRequestForm, NoteForm
from agents.requests.models import AgentRequest
from agents.requests.selectors import agent_request_by_id, agent_requests_visible_to
from agents.services.requests import decline_agent_request, request_agent, withdraw_agent_request
from aim.api.path_ids import path_id
from aim.console.lists import Order, keyset_page
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import Step, say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind

TONES = {"open": "pending", "registered": "allowed", "declined": "denied", "withdrawn": "muted"}
_NEWEST_FIRST = Order("newest", "id", descending=True)


@require_safe
@console_page(Permission.AGENTS_REQUEST)
def agent_requests(request: HttpRequest, actor: Actor) -> HttpResponse:
    rows, only_open = agent_requests_visible_to(actor), "all" not in request.GET
    waiting = rows.filter(status=AgentRequest.Status.OPEN).count()
    shown = rows.filter(status=AgentRequest.Status.OPEN) if only_open else rows
    page = keyset_page(shown, _NEWEST_FIRST, request.GET, total=shown.count())
    here = reverse("agents:agent-requests")
    tabs = [
        {"label": _("Open"), "url": here, "current": only_open, "count": waiting},
        {"label": _("All"), "url": f"{here}?all", "current": not only_open, "count": None},
    ]
    context = {
        "page": page,
        "rows": [(row, TONES[row.status]) for row in page.rows],
        "tabs": tabs,
        "only_open": only_open,
        "may_register": actor.may(Permission.AGENTS_WRITE),
    }
    return render_page(request, "agents/request_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_REQUEST)
def agent_request_new(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = AgentRequestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = request_agent(actor, **form.cleaned_data)
        except InvalidInputError as error:
            for problem in error.problems:
                form.add_error(problem.field.partition("[")[0], problem.message)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            url = reverse("agents:agent-request", args=[row.public_id])
            say(request, _("Your request is sent. You are told when it is answered."), step=Step(_("Look"), url))
            return redirect_to(request, "agents:agent-requests")
    context = {"form": form, "capabilities": CATALOGUE.values(), "chosen": form["capabilities"].value() or []}
    status = 422 if form.errors else 200
    return render_page(request, "agents/request_new.html", context, fragments={"dialog": "dialog"}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_REQUEST, change=Permission.AGENTS_WRITE)
def agent_request_page(request: HttpRequest, actor: Actor, request_id: str) -> HttpResponse:
    """One request. Posted to, it is declined with a note; to agree means to register the agent."""
    row = agent_request_by_id(actor, path_id(IdKind.AGENT_REQUEST, request_id))
    form, status = NoteForm(request.POST or None), 200
    if request.method == "POST":
        if form.is_valid():
            try:
                decline_agent_request(actor, row.id, note=form.cleaned_data["note"])
            except (ConflictError, InvalidInputError) as error:
                form.add_error("note", error.message)
            else:
                say(request, _("The request is declined, and whoever asked is told why."))
                return redirect_to(request, "agents:agent-requests")
        status = 422
    context = {
        "row": row,
        "tone": TONES[row.status],
        "form": form,
        "capabilities": [CATALOGUE[code] for code in row.capabilities if code in CATALOGUE],
        "may_answer": row.is_open and actor.may(Permission.AGENTS_WRITE),
        "may_withdraw": row.is_open and row.requested_by_id == actor.id,
        "register": f"{reverse('agents:agent-register')}?request={row.public_id}",
    }
    return render_page(request, "agents/request_page.html", context, status=status)


@require_POST
@console_page(Permission.AGENTS_REQUEST)
def agent_request_withdraw(request: HttpRequest, actor: Actor, request_id: str) -> HttpResponse:
    try:
        withdraw_agent_request(actor, path_id(IdKind.AGENT_REQUEST, request_id))
    except ConflictError as error:
        say(request, error.message, failed=True)
    else:
        say(request, _("Your request is withdrawn."))
    return redirect_to(request, "agents:agent-requests")
