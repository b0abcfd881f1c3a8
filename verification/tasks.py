"""The upkeep of decisions."""

from datetime import timedelta

from celery import shared_task
from django.db import connection

from aim import clock
from verification.models import PolicyRollup, Rollup, TotalRollup
from verification.services.approval_use import expire_requests
from verification.services.checkpoint_digest import mail_checkpoint_digest
from verification.services.deadlocks import find_deadlocks, organizations_where_agents_wait
from verification.statistics.policy_matches import HOURS_KEPT

_BATCH = 20_000
_REQUESTS = 100
KEPT = {Rollup.Granularity.MINUTE: timedelta(days=3), Rollup.Granularity.HOUR: timedelta(days=120)}
"""How long the fine counts are kept; days are kept for ever."""

# Expired by the database's clock, which is the one their expiry was reckoned by. Batches keep the locks short.
_FORGET = """
DELETE FROM verification_nonce WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM verification_nonce WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT %s
    FOR UPDATE SKIP LOCKED))
"""


@shared_task
def forget_expired_nonces() -> int:
    """Delete the nonces that no signature could be valid with any more; answers how many."""
    total = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FORGET, [_BATCH])
            count: int = cursor.rowcount
            total += count
            if count < _BATCH:
                return total


@shared_task
def expire_approvals() -> int:
    """Settle the requests that nobody has decided in time; answers how many."""
    total = 0
    while True:
        count = expire_requests(_REQUESTS)
        total += count
        if count < _REQUESTS:
            return total


@shared_task
def look_for_deadlocks() -> int:
    """Find circles of waiting agents that no web process has reported; answers how many."""
    return sum(len(find_deadlocks(organization_id)) for organization_id in organizations_where_agents_wait())


@shared_task
def send_checkpoint_digest() -> int:
    """Mail the newest checkpoint to whoever wants it every day; answers how many mails were queued."""
    return mail_checkpoint_digest()


@shared_task
def prune_rollups() -> int:
    """Delete the counts by minute and by hour that are older than anybody may ask for; answers how many."""
    matches = PolicyRollup.objects.filter(
        granularity=PolicyRollup.Granularity.HOUR, period__lt=clock.now() - HOURS_KEPT
    )
    return matches.delete()[0] + sum(
        model.objects.filter(granularity=granularity, period__lt=clock.now() - kept).delete()[0]
        for model in (Rollup, TotalRollup)
        for granularity, kept in KEPT.items()
    )
