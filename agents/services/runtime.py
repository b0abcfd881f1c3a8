"""The row where changes and decisions of an agent meet: whoever changes what a decision reads raises the epoch.

The runtime row is locked last, after the agent's own rows are written, and held until the commit: decisions that were
made before it are committed before it, and no later one can use what was true before.
"""

from uuid import UUID

from django.db import connection
from django.db.models import F

from agents.models import Agent, AgentRuntime


def raise_epoch(agent: Agent) -> None:
    """Make every decision from an older snapshot of the agent impossible."""
    assert connection.in_atomic_block
    AgentRuntime.objects.filter(agent_id=agent.id).update(epoch=F("epoch") + 1)


# One order for everybody who locks several of them, or two such changes could wait for each other. An organization may
# have a hundred thousand agents, so that none of their ids comes here.
_RAISE_OF_ORGANIZATION = """
WITH locked AS MATERIALIZED (
    SELECT agent_id FROM agents_agentruntime WHERE organization_id = %s ORDER BY agent_id FOR UPDATE)
UPDATE agents_agentruntime AS r SET epoch = r.epoch + 1 FROM locked WHERE r.agent_id = locked.agent_id
"""


def raise_epoch_of_organization(organization_id: UUID) -> None:
    """`raise_epoch` for all its agents: what `accounts` calls when people's access changes.

    The caller holds the organization's row, so an agent that is being registered is here already or comes after it.
    """
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(_RAISE_OF_ORGANIZATION, [organization_id])


def add_bytes_used(agent: Agent, count: int) -> None:
    """Count bytes that an agent reports beyond those it had asked for: today's limit has so much less left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_agentruntime SET"
            " bytes_day = greatest(bytes_day, (clock_timestamp() AT TIME ZONE 'UTC')::date),"
            " bytes_used = CASE WHEN bytes_day >= (clock_timestamp() AT TIME ZONE 'UTC')::date"
            " THEN bytes_used ELSE 0 END + %s WHERE agent_id = %s",
            [count, agent.id],
        )
