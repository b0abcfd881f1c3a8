"""The registry's pages."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.exports import export_list
from accounts.lists import list_state, opening
from accounts.permissions import Permission
from agents.columns import AGENT_LIST
from agents.exports import lines_for
from agents.forms import ReasonForm
from agents.fragments import AGENTS
from agents.models import Agent
from agents.registry import Filters, listing_for
from agents.registry_counts import facets_for, figures_for, tallies_of
from agents.rows import cells_of
from agents.selectors import agents_visible_to
from agents.services.attestation import attest_agent
from agents.services.bulk import MOST, Change, Outcome, change_agents
from agents.services.lifecycle import TRANSITIONS, Transition, resume_agent, suspend_agent
from agents.services.public_keys import has_open_key
from aim.console.lists import chips_of
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import Step, say
from aim.errors import InvalidInputError
from aim.ids import IdKind, InvalidIdError, parse_id


@require_safe
@console_page(Permission.AGENTS_READ)
def agent_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    state = list_state(request, actor, AGENT_LIST)
    if elsewhere := opening(request, state):
        return elsewhere
    filters = Filters.read(actor, request.GET)
    everything, found = tallies_of(actor, filters)
    facets = facets_for(actor, filters, found)
    listing = listing_for(actor, request.GET, filters, total=found.total(filters), owners=found.owners(filters))
    may_verify = actor.may(Permission.PROVE_KEY)
    context = {
        "listing": listing,
        "cells": cells_of(listing, state.columns, new=request.GET.get("new", ""), may_verify=may_verify),
        # Asked for only where the whole page is drawn.
        "figures": SimpleLazyObject(lambda: figures_for(actor, everything)),
        "facets": facets,
        "state": state,
        "chips": chips_of(facets, request.path, request.GET),
        "may_change": actor.may(Permission.AGENTS_LIFECYCLE),
        "may_attest": actor.may(Permission.AGENTS_ATTEST),
        "may_register": actor.may(Permission.AGENTS_WRITE),
        "may_request": actor.may(Permission.AGENTS_REQUEST),
    }
    return render_page(request, "agents/agent_list.html", context, fragments={AGENTS: "list"})


@require_safe
@console_page(Permission.AGENTS_READ)
def agent_first(_request: HttpRequest, actor: Actor) -> HttpResponse:
    """Asked by the empty list: 204 as long as it is empty, and then 200."""
    found = Agent.objects.filter(organization_id=actor.scope).exists()
    return HttpResponse(status=200 if found else 204)


@require_POST
@console_page(Permission.AGENTS_READ)
def agents_export(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    return export_list(request, actor, AGENT_LIST, lines_for)


@dataclass(frozen=True, slots=True)
class _Bulk:
    """A change for many: its words, and the one that undoes it, if there is one."""

    transition: Transition
    change: Change
    title: Promise
    text: Promise
    button: Promise
    busy: Promise
    undo: str
    permission: Permission = Permission.AGENTS_LIFECYCLE

    def fits(self, agent: Agent) -> bool:
        """Whether the service would do it, as far as the agent's state goes."""
        if agent.status not in TRANSITIONS[self.transition]:
            return False
        # An agent with a key proves it itself.
        return self.transition != Transition.VERIFY or not has_open_key(agent)


_BULK = {
    "suspend": _Bulk(
        Transition.SUSPEND,
        suspend_agent,
        gettext_lazy("Suspend agents"),
        gettext_lazy(
            "From the moment this is confirmed, no action of these agents is approved until they are resumed."
        ),
        gettext_lazy("Suspend now"),
        gettext_lazy("Suspending…"),
        "resume",
    ),
    "resume": _Bulk(
        Transition.RESUME,
        resume_agent,
        gettext_lazy("Resume agents"),
        gettext_lazy("Each is verified or pending again, as it was before it was suspended."),
        gettext_lazy("Resume"),
        gettext_lazy("Resuming…"),
        "suspend",
    ),
    "attest": _Bulk(
        Transition.VERIFY,
        attest_agent,
        gettext_lazy("Attest agents"),
        gettext_lazy(
            "You vouch for agents that hold no key. Each is marked “Verified by attestation” wherever it is shown."
        ),
        gettext_lazy("Attest"),
        gettext_lazy("Attesting…"),
        "",
        Permission.AGENTS_ATTEST,
    ),
}


@require_POST
@console_page(Permission.AGENTS_LIFECYCLE, verbs={verb: bulk.permission for verb, bulk in _BULK.items()})
def agents_bulk(request: HttpRequest, actor: Actor, verb: str) -> HttpResponse:
    """First asks, with a reason; then does it, agent by agent."""
    bulk, ids = _BULK[verb], _ids(request)
    agents = list(agents_visible_to(actor).filter(id__in=ids).order_by("display_name"))
    confirmed = "confirmed" in request.POST
    form = ReasonForm(request.POST if confirmed else None)
    if confirmed and form.is_valid():
        try:
            outcome = change_agents(actor, ids, change=bulk.change, reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.add_error("reason", error.message)
        else:
            _tell(request, verb, outcome)
            return redirect_to(request, _back(request))
    fitting = [agent for agent in agents if bulk.fits(agent)]
    context = {
        "bulk": bulk,
        "verb": verb,
        "form": form,
        "agents": agents,
        "fitting": fitting,
        "others": len(agents) - len(fitting),
        "back": _back(request),
    }
    status = 422 if form.errors else 200
    return render_page(request, "agents/agents_bulk.html", context, fragments={"dialog": "dialog"}, status=status)


def _ids(request: HttpRequest) -> list[UUID]:
    found = []
    for text in request.POST.getlist("agent")[:MOST]:
        try:
            found.append(parse_id(IdKind.AGENT, text))
        except InvalidIdError:
            continue
    return found


def _back(request: HttpRequest) -> str:
    """The list as it was when the change was asked for: only a path of our own."""
    asked = request.POST.get("back", "")
    home = reverse("agents:agent-list")
    return asked if asked == home or asked.startswith(f"{home}?") else home


def _tell(request: HttpRequest, verb: str, outcome: Outcome) -> None:
    changed, refused = outcome.changed, outcome.refused
    texts = {
        "suspend": ngettext("%(n)d agent suspended.", "%(n)d agents suspended.", len(changed)),
        "resume": ngettext("%(n)d agent resumed.", "%(n)d agents resumed.", len(changed)),
        "attest": ngettext("%(n)d agent attested.", "%(n)d agents attested.", len(changed)),
    }
    text = texts[verb] % {"n": len(changed)}
    if refused:
        text += " " + ngettext(
            "%(n)d was left as it is: %(why)s", "%(n)d were left as they are: %(why)s", len(refused)
        ) % {"n": len(refused), "why": refused[0][1]}
    undo = None
    if changed and _BULK[verb].undo:
        fields = {
            "agent": [agent.public_id for agent in changed],
            "confirmed": ["yes"],
            "reason": [_("Undone at once.")],
        }
        undo = Step(_("Undo"), reverse("agents:agents-bulk", args=[_BULK[verb].undo]), fields)
    say(request, text, failed=not changed, step=undo)
