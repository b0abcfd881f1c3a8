"""The examination of whole chains, one agent at a time: by an operator, and by the product itself every night."""

from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from agents.models import Agent
from agents.services.trust import freeze_trust
from agents.trust_records import whole_chain_evidence


class Finding(NamedTuple):
    public_id: str
    name: str
    problem: str


@transaction.atomic
def examine_whole_chain(agent_id: UUID) -> Finding | None:
    """What is wrong with the agent's chain; its score is frozen then, and the agent suspended."""
    agent = Agent.objects.select_for_update(no_key=True).filter(id=agent_id).first()
    evidence = whole_chain_evidence(agent) if agent else None
    if agent is None or evidence is None:
        return None
    freeze_trust(agent, evidence)
    return Finding(agent.public_id, agent.name, evidence.problem)
