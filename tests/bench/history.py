"""A past for the product: decisions of the last weeks with their ledger entries, made inside PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

import psycopg

_BATCH = 100_000
_DAYS = 20
_ORGANIZATION = "SELECT organization_id FROM agents_agent WHERE id = %s"

# Sizes and spread are those of real decisions: about 1,200 bytes an entry as stored, ids in the order of their time.
_DECISIONS = """
WITH made AS MATERIALIZED (
    SELECT uuidv7(make_interval(secs => -(%(days)s * 86400.0) * (1 - n / %(total)s::float8))) AS id,
           clock_timestamp() - make_interval(secs => (%(days)s * 86400.0) * (1 - n / %(total)s::float8)) AS at,
           agent, n
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    JOIN unnest(%(agents)s::uuid[]) WITH ORDINALITY AS known (agent, place)
        ON place = 1 + n %% cardinality(%(agents)s::uuid[])
    ORDER BY n
), decided AS (
    INSERT INTO verification_verification (id, organization_id, agent_id, status, code, reason, action_type, resource,
        user_id, session_id, created_at, expires_at, duration_us, request_digest)
    SELECT id, %(organization)s, agent, CASE WHEN n %% 20 = 0 THEN 'denied' ELSE 'approved' END,
        CASE WHEN n %% 20 = 0 THEN 'capability_missing' ELSE '' END,
        CASE WHEN n %% 20 = 0 THEN 'Missing capability: file_delete' ELSE '' END,
        'file_read', '/app/config/settings-' || n || '.json', 'usr_123', 'sess_' || n %% 997, at,
        at + interval '60 seconds', 900, sha256(int8send(n))
    FROM made
)
INSERT INTO ledger_entry (id, organization_id, kind, subject_id, recorded_at, body)
SELECT id, %(organization)s, 'verification.decided', agent, at,
    convert_to('{"id":"' || id || '","n":' || n || ',"filler":"' || repeat(md5(n::text), 35) || '"}', 'UTF8')
FROM made
"""


def load_decisions(url: str, *, agents: Sequence[UUID], total: int) -> None:
    """Add `total` decisions of these agents of one organization over the last weeks, then let PostgreSQL settle."""
    with psycopg.connect(url, autocommit=True) as connection:
        (organization,) = connection.execute(_ORGANIZATION, [agents[0]]).fetchone() or (None,)
        for first in range(0, total, _BATCH):
            connection.execute(
                _DECISIONS,
                {
                    "days": _DAYS,
                    "total": total,
                    "first": first,
                    "last": min(first + _BATCH, total) - 1,
                    "agents": list(agents),
                    "organization": organization,
                },
            )
        connection.execute("VACUUM (ANALYZE) verification_verification, ledger_entry")
