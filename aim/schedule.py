"""What beat does, and how often. Each task is one function in a room's `tasks.py`, harmless when it runs twice."""

from datetime import timedelta
from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "ensure-partitions": {"task": "aim.ledger.tasks.ensure_partitions_ahead", "schedule": timedelta(hours=6)},
    "forget-nonces": {"task": "verification.tasks.forget_expired_nonces", "schedule": timedelta(seconds=30)},
    "examine-trust": {"task": "agents.tasks.examine_trust_chains", "schedule": timedelta(hours=24)},
    "prune-rollups": {"task": "verification.tasks.prune_rollups", "schedule": timedelta(hours=1)},
    "forget-sessions": {"task": "accounts.tasks.forget_expired_sessions", "schedule": timedelta(hours=24)},
}
