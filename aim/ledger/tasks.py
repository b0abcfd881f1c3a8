"""The ledger's own upkeep."""

import structlog
from celery import shared_task

from aim.ledger.partitions import ensure_partitions

log = structlog.get_logger("aim.ledger")


@shared_task
def ensure_partitions_ahead() -> list[str]:
    """Make the months ahead, so that no entry ever finds no place; answers the names of the new partitions."""
    created = ensure_partitions()
    if created:
        log.info("partitions_created", partitions=created)
    return created
