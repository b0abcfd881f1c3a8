"""A decision as the writer leaves it in the table that lists read."""

from datetime import UTC

from verification.models import Rollup, TotalRollup, Verification
from verification.statistics.buckets import WIDTH, bucket_of


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


def counted(agent, at, count, *, status="approved", code="", action_type="file_read"):
    """So many decisions in the counts, as the follower `statistics` writes them, with nothing behind them."""
    for granularity, parts in (("minute", {}), ("hour", {"minute": 0}), ("day", {"minute": 0, "hour": 0})):
        period = at.astimezone(UTC).replace(second=0, microsecond=0, **parts)
        kind = {
            "granularity": granularity,
            "period": period,
            "action_type": action_type,
            "status": status,
            "code": code,
        }
        for model, more in ((Rollup, {"agent_id": agent.id}), (TotalRollup, {})):
            row, _made = model.objects.get_or_create(
                organization_id=agent.organization_id,
                **kind,
                **more,
                defaults={"count": 0, "duration_us": 0, "latency": [0] * WIDTH},
            )
            row.count, row.duration_us = row.count + count, row.duration_us + 500 * count
            row.latency[bucket_of(500)] += count
            row.save()
