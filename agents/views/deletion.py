"""Deleting an agent from its page: only one that nothing was ever recorded of."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.selectors import agent_by_id
from agents.services.deletion import delete_agent
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError
from aim.ids import IdKind


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.AGENTS_DELETE)
def agent_delete(request: HttpRequest, actor: Actor, agent_id: str) -> HttpResponse:
    """Asks first. An agent with records is refused, with the way out: to revoke it."""
    agent = agent_by_id(actor, path_id(IdKind.AGENT, agent_id))
    refusal = ""
    if request.method == "POST":
        try:
            delete_agent(actor, agent.id)
        except ConflictError as error:
            refusal = error.message
        else:
            say(request, _("%(name)s is deleted.") % {"name": agent.display_name})
            return redirect_to(request, "agents:agent-list")
    context = {"agent": agent, "refusal": refusal, "may_revoke": actor.may(Permission.AGENTS_LIFECYCLE)}
    status = 422 if refusal else 200
    return render_page(request, "agents/agent_delete.html", context, fragments={"dialog": "dialog"}, status=status)
