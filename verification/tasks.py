"""The upkeep of decisions."""

from datetime import timedelta

from celery import shared_task
from django.db import connection

from aim import clock
from verification.models import Rollup

_BATCH = 20_000

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


KEPT = {Rollup.Granularity.MINUTE: timedelta(days=3), Rollup.Granularity.HOUR: timedelta(days=120)}
"""How long the fine counts are kept; days are kept for ever."""


@shared_task
def prune_rollups() -> int:
    """Delete the counts by minute and by hour that are older than anybody may ask for; answers how many."""
    return sum(
        Rollup.objects.filter(granularity=granularity, period__lt=clock.now() - kept).delete()[0]
        for granularity, kept in KEPT.items()
    )
