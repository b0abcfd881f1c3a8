"""When each agent last asked: what the registry of agents shows of decisions."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import OuterRef, Subquery

from accounts.contracts import Actor
from agents.activity import Activity, register_activity
from agents.models import Agent
from verification.models import Verification


@register_activity
def activity_of_agents(actor: Actor, agent_ids: Sequence[UUID]) -> Mapping[UUID, Activity]:
    """One statement that looks at the newest decision of each agent, however many there are."""
    newest = Verification.objects.filter(agent_id=OuterRef("id")).order_by("-id").values("created_at")[:1]
    rows = Agent.objects.filter(organization_id=actor.scope, id__in=agent_ids).order_by()
    return {agent_id: Activity(last_call=at) for agent_id, at in rows.values_list("id", Subquery(newest)) if at}
