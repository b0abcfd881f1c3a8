"""What an admin does about an agent's trust: look at the whole chain, and answer for the score anew."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.forms import TrustForm
from agents.models import Agent
from agents.selectors import agent_by_id
from agents.services.trust import set_trust_baseline
from agents.services.trust_examination import examine_whole_chain
from agents.trust_records import trust_history_of
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_TRUST)
def agent_trust_set(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """Asks for the score and the reason, then sets it."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    form = TrustForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_trust_baseline(actor, agent.id, reason=form.cleaned_data["reason"], score=form.cleaned_data["score"])
        except (ConflictError, InvalidInputError) as error:
            form.add_error("reason", error.message)
        else:
            say(request, _("The score is set anew. The chain goes on from there."))
            return redirect_to(request, _tab(agent))
    context = {"agent": agent, "form": form, "back": _tab(agent)}
    status = 422 if form.errors else 200
    return render_page(request, "agents/agent_trust_set.html", context, fragments={"dialog": "dialog"}, status=status)


@require_POST
@console_page(Permission.AGENTS_TRUST)
def agent_trust_examine(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """Every step since the chain was last begun anew; what does not hold freezes the score at once."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    finding = examine_whole_chain(agent.id)
    if finding is None:
        say(request, _("The whole chain holds: %(n)d signed steps.") % {"n": trust_history_of(agent).count()})
    else:
        text = _("The chain does not hold: %(problem)s. The score is frozen.") % {"problem": finding.problem}
        say(request, text, failed=True)
    return redirect_to(request, _tab(agent))


def _tab(agent: Agent) -> str:
    return f"{reverse('agents:agent-detail', args=[agent.public_id])}?tab=trust"
