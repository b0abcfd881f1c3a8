"""An agent that was ever decided about cannot be deleted: its records would point to nothing."""

from uuid import UUID

from agents.records import register_record_source
from verification.models import Verification


def has_verifications(agent_id: UUID) -> bool:
    return Verification.objects.filter(agent_id=agent_id).exists()


register_record_source("verifications", has_verifications)
