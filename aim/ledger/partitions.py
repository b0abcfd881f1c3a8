"""Monthly partitions over UUIDv7 keys: made ahead of time, since there is no default partition to fall into."""

from django.db import connection

from aim import clock

PARTITIONED_TABLES = ("ledger_entry", "verification_verification")
MONTHS_BEHIND = 1
MONTHS_AHEAD = 3


def ensure_partitions() -> list[str]:
    """Create the partitions that are missing around this month; answers the names of the new ones."""
    created: list[str] = []
    with connection.cursor() as cursor:
        for table in PARTITIONED_TABLES:
            cursor.execute("SELECT aim_ensure_partitions(%s, %s, %s)", [table, MONTHS_BEHIND, MONTHS_AHEAD])
            created += [row[0] for row in cursor.fetchall()]
    return created


def missing_partitions() -> list[str]:
    """The partitions of this month and the next that do not exist; empty when all is well."""
    now = clock.now()
    months = [(now.year, now.month), (now.year + now.month // 12, now.month % 12 + 1)]
    names = [f"{table}_{year}_{month:02}" for table in PARTITIONED_TABLES for year, month in months]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [names])
        return [row[0] for row in cursor.fetchall()]
