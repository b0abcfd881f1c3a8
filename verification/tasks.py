"""The upkeep of decisions."""

from celery import shared_task
from django.db import connection

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
