"""A decision as the writer leaves it in the table that lists read."""

from verification.models import Verification


def decided(agent, at, *, status="denied"):
    return Verification.objects.create(
        organization_id=agent.organization_id,
        agent_id=agent.id,
        status=status,
        action_type="file_read",
        resource="/x",
        created_at=at,
        duration_us=5,
        request_digest=b"x" * 32,
    )
