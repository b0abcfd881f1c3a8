"""The registry's own upkeep."""

from uuid import UUID

import structlog
from celery import shared_task

from agents.models import Agent
from agents.services import remote_proof
from agents.services.tallies import fold_tallies
from agents.services.trust_examination import examine_whole_chain
from aim.rounds import Crew

log = structlog.get_logger("aim.agents")
PROOFS = Crew("proofs", size=8, work=remote_proof.ask_for_signature, following=remote_proof.next_waiting)


@shared_task
def examine_trust_chains() -> list[str]:
    """Examine the whole chain of every agent; answers those that were manipulated. Running twice finds the same."""
    agents = Agent.objects.order_by("id").values_list("id", flat=True).iterator()
    found = [finding.public_id for agent_id in agents if (finding := examine_whole_chain(agent_id)) is not None]
    if found:
        log.error("trust_manipulated", agents=found)
    return found


@shared_task
def fold_agent_tallies() -> int:
    """Fold the changes of counts into counts, where there are many; answers of how many organizations."""
    return len(fold_tallies())


@shared_task
def ask_for_signature(challenge_id: str) -> bool:
    """Post a challenge to the agent's verification URL, unless somebody has: beside the tasks, which wait for nobody.

    False where all are busy: who is through finds it.
    """
    return PROOFS.begin(UUID(hex=challenge_id))


@shared_task
def tend_proofs() -> int:
    """Begin forgotten proofs; answers of how many the workers were told."""
    return remote_proof.tend_proofs()
