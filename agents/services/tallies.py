"""Counts of agents that were written as changes become counts again: one row for each kind that there is."""

from uuid import UUID

from django.db import connection, transaction
from psycopg.sql import SQL, Composed, Identifier

_LOCK = 0x41_49_4D_54  # one namespace of advisory locks for folding
_SLACK = 256

_KIND = ("status", "agent_type", "trust", "key_type", "owner_id")
_TABLES = {
    "agents_agenttally": (*_KIND, "require_signature"),
    "agents_capabilitytally": (*_KIND, "capabilities"),
}

# Of changes alone there are at most so many as half the kinds, or what a page sums without noticing; what has no agent
# left goes whole.
_CROWDED = SQL("""
SELECT organization_id FROM (
    SELECT organization_id, count(*) AS entries, sum(count) AS agents FROM {table}
    GROUP BY organization_id, {kind}
) AS kinds
GROUP BY organization_id HAVING sum(entries) > count(*) * 1.5 + %s OR bool_and(agents = 0)
""")
# One statement: whoever reads meanwhile sees all the rows from before or all from after, and what is added meanwhile is
# neither seen nor deleted.
_FOLD = SQL("""
WITH gone AS (
    DELETE FROM {table} WHERE organization_id = %s RETURNING organization_id, {kind}, count
)
INSERT INTO {table} (organization_id, {kind}, count)
SELECT organization_id, {kind}, sum(count) FROM gone GROUP BY organization_id, {kind} HAVING sum(count) <> 0
""")


def fold_tallies() -> list[UUID]:
    """Fold those of the organizations that have many more rows than kinds; answers which it folded."""
    with connection.cursor() as cursor:
        crowded: dict[UUID, None] = {}
        for table in _TABLES:
            cursor.execute(_for(_CROWDED, table), [_SLACK])
            crowded.update((row[0], None) for row in cursor.fetchall())
    return [organization_id for organization_id in crowded if fold_tally(organization_id)]


@transaction.atomic
def fold_tally(organization_id: UUID) -> bool:
    """Leave one row a kind; False where another fold is at it, which would have to be waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, organization_id.hex])
        free: bool = cursor.fetchone()[0]
        if free:
            for table in _TABLES:
                cursor.execute(_for(_FOLD, table), [organization_id])
    return free


def _for(statement: SQL, table: str) -> Composed:
    kind = SQL(", ").join(map(Identifier, _TABLES[table]))
    return statement.format(table=Identifier(table), kind=kind)
