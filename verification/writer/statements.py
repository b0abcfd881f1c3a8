"""The statements of the writer, prepared once a connection."""

from verification.writer.connection import BINARY, TEXT, Statement

ADMIT = Statement(b"admit", b"SELECT extract(epoch FROM verification_admit($1, $2, $3, $4, $5, $6, $7))", (TEXT,) * 7)
INSERT_VERIFICATION = Statement(
    b"insert_verification",
    b"INSERT INTO verification_verification (id, organization_id, agent_id, status, code, reason, action_type,"
    b" resource, user_id, session_id, created_at, expires_at, duration_us, request_digest)"
    b" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    (BINARY,) * 14,
)
INSERT_ENTRY = Statement(
    b"insert_entry",
    b"INSERT INTO ledger_entry (id, organization_id, kind, subject_id, body)"
    b" VALUES ($1, $2, 'verification.decided', $3, $4)",
    (BINARY,) * 4,
)
INSERT_NONCE = Statement(
    b"insert_nonce",
    b"INSERT INTO verification_nonce (agent_id, digest, request_digest, verification_id, expires_at)"
    b" VALUES ($1, $2, $3, $4, $5)",
    (BINARY,) * 5,
)
CLAIM_NONCE = Statement(
    b"claim_nonce",
    b"INSERT INTO verification_nonce (agent_id, digest, request_digest, verification_id, expires_at)"
    b" VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    (BINARY,) * 5,
)
FIND_NONCE = Statement(
    b"find_nonce",
    b"SELECT encode(n.request_digest, 'hex'), replace(v.id::text, '-', ''), v.status, v.code, v.reason,"
    b" extract(epoch FROM v.expires_at)"
    b" FROM verification_nonce n JOIN verification_verification v ON v.id = n.verification_id"
    b" WHERE n.agent_id = $1 AND n.digest = $2",
    (BINARY,) * 2,
)
BEGIN = Statement(b"begin", b"BEGIN", ())
COMMIT = Statement(b"commit", b"COMMIT", ())
ROLLBACK = Statement(b"rollback", b"ROLLBACK", ())
_ALLOWANCE = (
    b"SELECT replace(agent_id::text, '-', ''), epoch, trust_score,"
    b" CASE WHEN calls_hour >= date_trunc('hour', clock_timestamp(), 'UTC') THEN calls_used ELSE 0 END,"
    b" CASE WHEN bytes_day >= (clock_timestamp() AT TIME ZONE 'UTC')::date THEN bytes_used ELSE 0 END,"
    b" ceil(extract(epoch FROM greatest(calls_hour, date_trunc('hour', clock_timestamp(), 'UTC'))"
    b" + interval '1 hour' - clock_timestamp()))::int,"
    b" ceil(extract(epoch FROM (greatest(bytes_day, (clock_timestamp() AT TIME ZONE 'UTC')::date) + 1)::timestamp"
    b" AT TIME ZONE 'UTC' - clock_timestamp()))::int"
    b" FROM agents_agentruntime WHERE agent_id = ANY ($1) ORDER BY agent_id FOR NO KEY UPDATE"
)
LOCK_FREE = Statement(b"lock_free", _ALLOWANCE + b" SKIP LOCKED", (TEXT,))
"""Lock the rows that nobody else holds; the others are left out of the answer."""
LOCK_WAITING = Statement(b"lock_waiting", _ALLOWANCE, (TEXT,))
"""Lock the rows, waiting as long as the session's lock timeout allows."""
COUNT = Statement(
    b"count",
    b"UPDATE agents_agentruntime AS r SET"
    b" calls_hour = greatest(r.calls_hour, date_trunc('hour', clock_timestamp(), 'UTC')),"
    b" calls_used = CASE WHEN r.calls_hour >= date_trunc('hour', clock_timestamp(), 'UTC')"
    b" THEN r.calls_used ELSE 0 END + $2::int,"
    b" bytes_day = greatest(r.bytes_day, (clock_timestamp() AT TIME ZONE 'UTC')::date),"
    b" bytes_used = CASE WHEN r.bytes_day >= (clock_timestamp() AT TIME ZONE 'UTC')::date"
    b" THEN r.bytes_used ELSE 0 END + $3::bigint WHERE r.agent_id = $1",
    (TEXT,) * 3,
)
TIME = Statement(b"time", b"SELECT extract(epoch FROM clock_timestamp())", ())

ALL = (
    ADMIT,
    INSERT_VERIFICATION,
    INSERT_ENTRY,
    INSERT_NONCE,
    CLAIM_NONCE,
    FIND_NONCE,
    BEGIN,
    COMMIT,
    ROLLBACK,
    LOCK_FREE,
    LOCK_WAITING,
    COUNT,
    TIME,
)
