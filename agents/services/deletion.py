"""Deleting an agent: only one that nothing was ever recorded of beyond its registration."""

from uuid import UUID

from django.db import transaction

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.configuration import configuration_of
from agents.errors import AgentHasRecordsError
from agents.ledger_entries import record
from agents.records import sources_with_records
from agents.selectors import locked_agent
from agents.services.runtime import raise_epoch
from aim.ledger.events import Event


@transaction.atomic
def delete_agent(actor: Actor, agent_id: UUID) -> None:
    """Raises `AgentHasRecordsError`; such an agent can be revoked."""
    actor.require(Permission.AGENTS_DELETE)
    agent = locked_agent(actor, agent_id)
    # First the epoch, which waits for decisions under way: what they record is seen by the question that follows.
    raise_epoch(agent)
    if sources := sources_with_records(agent.id):
        raise AgentHasRecordsError(sources)
    data = {"status": agent.status, "configuration": configuration_of(agent)}
    record(actor, Event.AGENT_DELETED, agent=agent, data=data)
    agent.delete()
