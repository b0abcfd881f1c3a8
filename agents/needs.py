"""What agents need of people, and the first steps with them."""

from collections.abc import Iterator

from django.db.models import Q, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent, AgentStatus, AgentTally, PublicKey
from agents.requests.models import AgentRequest
from agents.requests.selectors import agent_requests_visible_to
from agents.selectors import agents_visible_to
from aim.console.needs import Need, StartStep, need_source, start_step
from aim.console.viewer import Viewer

_MOST_NAMED = 4


@need_source
def agents_in_need(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.AGENTS_LIFECYCLE):
        return
    mine = Agent.objects.filter(organization_id=viewer.scope)
    living = ~Q(status=AgentStatus.REVOKED)
    found = AgentTally.objects.filter(organization_id=viewer.scope).aggregate(
        pending=Sum("count", default=0, filter=Q(status=AgentStatus.PENDING)),
        suspended=Sum("count", default=0, filter=Q(status=AgentStatus.SUSPENDED)),
        unowned=Sum("count", default=0, filter=living & Q(owner_id=None)),
    )
    listed = reverse("agents:agent-list")
    if count := found["suspended"]:
        title = ngettext("%(n)d agent is suspended", "%(n)d agents are suspended", count) % {"n": count}
        yield Need(
            title,
            _("Nothing of theirs is approved"),
            f"{listed}?status=suspended",
            _("Look"),
            "circle-minus",
            "denied",
            count,
            20,
        )
    if count := found["pending"]:
        title = ngettext("%(n)d agent waits for its proof", "%(n)d agents wait for their proof", count) % {"n": count}
        yield Need(
            title,
            _("Pending Verification: it may not act yet"),
            f"{listed}?status=pending",
            _("Verify"),
            "shield-alert",
            "pending",
            count,
            30,
        )
    if count := found["unowned"]:
        title = ngettext("%(n)d agent has no owner", "%(n)d agents have no owner", count) % {"n": count}
        yield Need(
            title, _("Nobody answers for it"), f"{listed}?owner=none", _("Assign"), "user-x", "pending", count, 60
        )
    if viewer.may(Permission.AGENTS_ATTEST):
        proved = PublicKey.objects.filter(agent__in=mine, status=PublicKey.Status.PROVED)
        for key in proved.exclude(proposed_by_id=viewer.id).select_related("agent")[:5]:
            yield Need(
                _("A new key waits for a second admin"),
                key.agent.display_name,
                f"{reverse('agents:agent-detail', args=[key.agent.public_id])}?tab=keys",
                _("Look"),
                "key-round",
                "pending",
                1,
                25,
            )


@start_step
def register_first_agent(viewer: Viewer) -> StartStep | None:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.AGENTS_WRITE):
        return None
    done = agents_visible_to(viewer).exists()
    return StartStep(30, _("Register first agent"), reverse("agents:agent-register"), done)


@need_source
def requests_for_agents(viewer: Viewer) -> Iterator[Need]:
    if not isinstance(viewer, Actor) or not viewer.may(Permission.AGENTS_WRITE):
        return
    waiting = agent_requests_visible_to(viewer).filter(status=AgentRequest.Status.OPEN).order_by("id")
    found = list(waiting[:_MOST_NAMED])
    for row in found[: _MOST_NAMED - 1]:
        asker = row.requested_by.name or row.requested_by.email if row.requested_by else _("Somebody")
        title = _("%(who)s asks for an agent") % {"who": asker}
        url = reverse("agents:agent-request", args=[row.public_id])
        yield Need(title, row.display_name, url, _("Answer"), "hand-helping", "pending", 1, 24)
    if len(found) == _MOST_NAMED:
        url = reverse("agents:agent-requests")
        yield Need(_("More requests for agents"), _("Oldest first"), url, _("Look"), "hand-helping", "pending", 1, 25)
