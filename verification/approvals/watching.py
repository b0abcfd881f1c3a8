"""Looking for a circle right after the request that may have closed it was committed.

A process that ends in between leaves it to the task that looks now and then.
"""

from uuid import UUID

import structlog
from django.db import DatabaseError, connections

log = structlog.get_logger("aim.verification")


def watch_for_deadlocks(organization_hex: str) -> None:
    """Runs in a thread of its own, and never raises: the decision is answered already."""
    # The services need the loaded models, and this module is part of what the engine's process starts with.
    from verification.services.deadlocks import find_deadlocks  # noqa: PLC0415

    try:
        for deadlock in find_deadlocks(UUID(organization_hex)):
            log.warning("verification_deadlock", deadlock=deadlock.public_id, agents=len(deadlock.agents))
    except DatabaseError:
        log.exception("deadlocks_not_looked_for", organization=organization_hex)
    finally:
        connections.close_all()
