"""Counts of agents that were written as changes become counts again: one row for each kind that there is."""

from uuid import UUID

from django.db import connection, transaction

_LOCK = 0x41_49_4D_54  # one namespace of advisory locks for folding
_SLACK = 256

# Of changes alone there are at most so many as half the kinds, or what a page sums without noticing; what has no agent
# left goes whole.
_CROWDED = """
SELECT organization_id FROM (
    SELECT organization_id, count(*) AS entries, sum(count) AS agents FROM agents_agenttally
    GROUP BY organization_id, status, agent_type, trust, key_type, require_signature, owner_id
) AS kinds
GROUP BY organization_id HAVING sum(entries) > count(*) * 1.5 + %s OR bool_and(agents = 0)
"""
# One statement: whoever reads meanwhile sees all the rows from before or all from after, and what is added meanwhile is
# neither seen nor deleted.
_FOLD = """
WITH gone AS (
    DELETE FROM agents_agenttally WHERE organization_id = %s
    RETURNING organization_id, status, agent_type, trust, key_type, require_signature, owner_id, count
)
INSERT INTO agents_agenttally
    (organization_id, status, agent_type, trust, key_type, require_signature, owner_id, count)
SELECT organization_id, status, agent_type, trust, key_type, require_signature, owner_id, sum(count)
FROM gone GROUP BY organization_id, status, agent_type, trust, key_type, require_signature, owner_id
HAVING sum(count) <> 0
"""


def fold_tallies() -> list[UUID]:
    """Fold those of the organizations that have many more rows than kinds; answers which it folded."""
    with connection.cursor() as cursor:
        cursor.execute(_CROWDED, [_SLACK])
        crowded = [row[0] for row in cursor.fetchall()]
    return [organization_id for organization_id in crowded if fold_tally(organization_id)]


@transaction.atomic
def fold_tally(organization_id: UUID) -> bool:
    """Leave one row a kind; False where another fold is at it, which would have to be waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, organization_id.hex])
        free: bool = cursor.fetchone()[0]
        if free:
            cursor.execute(_FOLD, [organization_id])
    return free
