"""What beat does, and how often. Each task is one function in a room's `tasks.py`, harmless when it runs twice."""

from datetime import timedelta
from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "ensure-partitions": {"task": "aim.ledger.tasks.ensure_partitions_ahead", "schedule": timedelta(hours=6)},
    "expire-approvals": {"task": "verification.tasks.expire_approvals", "schedule": timedelta(seconds=5)},
    "look-for-deadlocks": {"task": "verification.tasks.look_for_deadlocks", "schedule": timedelta(seconds=15)},
    "forget-nonces": {"task": "verification.tasks.forget_expired_nonces", "schedule": timedelta(seconds=30)},
    "examine-trust": {"task": "agents.tasks.examine_trust_chains", "schedule": timedelta(hours=24)},
    "tend-proofs": {"task": "agents.tasks.tend_proofs", "schedule": timedelta(seconds=30)},
    "fold-tallies": {"task": "agents.tasks.fold_agent_tallies", "schedule": timedelta(seconds=30)},
    "checkpoint-digest": {"task": "verification.tasks.send_checkpoint_digest", "schedule": timedelta(hours=1)},
    "prune-rollups": {"task": "verification.tasks.prune_rollups", "schedule": timedelta(hours=1)},
    "forget-sessions": {"task": "accounts.tasks.forget_expired_sessions", "schedule": timedelta(hours=24)},
    "forget-notifications": {"task": "accounts.tasks.forget_notifications", "schedule": timedelta(hours=24)},
    "move-rollovers": {"task": "mcp.tasks.move_rollovers", "schedule": timedelta(seconds=30)},
    "tend-runs": {"task": "mcp.tasks.tend_runs", "schedule": timedelta(seconds=30)},
    "check-health": {"task": "mcp.tasks.check_servers_health", "schedule": timedelta(seconds=5)},
    "verify-servers": {"task": "mcp.tasks.verify_due_servers", "schedule": timedelta(seconds=5)},
    "tend-certificates": {"task": "mcp.tasks.tend_certificates", "schedule": timedelta(minutes=10)},
    "prune-health": {"task": "mcp.tasks.prune_health", "schedule": timedelta(hours=24)},
    "tend-reports": {"task": "aim.reports.tasks.tend_reports", "schedule": timedelta(seconds=20)},
    "post-alerts": {"task": "accounts.tasks.post_alerts", "schedule": timedelta(seconds=15)},
    "deliver-mail": {"task": "aim.mail.tasks.deliver_waiting_mail", "schedule": timedelta(seconds=30)},
    "forget-mail": {"task": "aim.mail.tasks.forget_mail", "schedule": timedelta(hours=24)},
}
