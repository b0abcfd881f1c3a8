"""Whose agents they are, when their owner hands them over."""

from accounts.contracts import Actor
from accounts.models import Membership
from agents.ledger_entries import record
from agents.models import Agent
from aim.ledger.events import Event


def hand_over_agents(actor: Actor, giver: Membership, taker: Membership) -> int:
    """All agents of the one become the other's, each with an entry. Decisions do not read the owner."""
    owned = Agent.objects.filter(organization_id=giver.organization_id, owner_id=giver.user_id)
    agents = list(owned.select_for_update(of=("self",)).order_by("id"))
    for agent in agents:
        agent.owner_id = taker.user_id
        agent.save(update_fields=["owner", "updated_at"])
        changes = {"owner": {"before": giver.user_id.hex, "after": taker.user_id.hex}}
        record(
            actor, Event.AGENT_UPDATED, agent=agent, data={"changes": changes, "config_version": agent.config_version}
        )
    return len(agents)
