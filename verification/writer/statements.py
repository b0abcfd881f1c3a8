"""The statements of the writer, prepared once a connection."""

from verification.writer.arrays import BYTEA, INT4, TEXT, TIMESTAMPTZ, UUID
from verification.writer.connection import BINARY, PLAIN, Statement

ADMIT = Statement(b"admit", b"SELECT extract(epoch FROM verification_admit($1, $2, $3, $6, $4, $7, $5))", (PLAIN,) * 7)
VERIFICATION_COLUMNS = (
    *(UUID, UUID, UUID, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT),
    *(TIMESTAMPTZ, TIMESTAMPTZ, INT4, BYTEA),
)
INSERT_VERIFICATIONS = Statement(
    b"insert_verifications",
    b"INSERT INTO verification_verification (id, organization_id, agent_id, status, code, reason, action_type,"
    b" resource, user_id, session_id, created_at, expires_at, duration_us, request_digest)"
    b" SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],"
    b" $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::int[], $14::bytea[])",
    (BINARY,) * 14,
)
ENTRY_COLUMNS = (UUID, UUID, UUID, TIMESTAMPTZ, BYTEA, BYTEA)
INSERT_ENTRIES = Statement(
    b"insert_entries",
    b"INSERT INTO ledger_entry (id, organization_id, subject_id, recorded_at, body, disclosures, kind)"
    b" SELECT *, 'verification.decided'"
    b" FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::bytea[], $6::bytea[])",
    (BINARY,) * 6,
)
APPROVAL_COLUMNS = (UUID, UUID, UUID, TEXT, BYTEA, TEXT, TEXT, TEXT, TIMESTAMPTZ, TIMESTAMPTZ)
INSERT_APPROVALS = Statement(
    b"insert_approvals",
    b"INSERT INTO verification_approval (id, organization_id, agent_id, action_type, request_digest, requirements,"
    b" checks, agents_only, created_at, expires_at, status)"
    b" SELECT a, b, c, d, e, f::jsonb, g::jsonb, h::boolean, i, j, 'pending' FROM unnest($1::uuid[], $2::uuid[],"
    b" $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],"
    b" $10::timestamptz[]) AS t (a, b, c, d, e, f, g, h, i, j)",
    (BINARY,) * 10,
)
NONCE_COLUMNS = (UUID, BYTEA, BYTEA, UUID, TIMESTAMPTZ)
INSERT_NONCES = Statement(
    b"insert_nonces",
    b"INSERT INTO verification_nonce (agent_id, digest, request_digest, verification_id, expires_at)"
    b" SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::uuid[], $5::timestamptz[])",
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
    # What has been approved meanwhile is told as it was told first: the agent follows it, where the rules that deny
    # are asked again.
    b"SELECT encode(n.request_digest, 'hex'), replace(v.id::text, '-', ''),"
    b" CASE WHEN a.status = 'approved' THEN 'pending' ELSE v.status END,"
    b" CASE WHEN a.status = 'approved' THEN 'approval_required' ELSE v.code END,"
    b" CASE WHEN a.status = 'approved' THEN 'Approval required' ELSE v.reason END,"
    b" extract(epoch FROM CASE WHEN a.status IS NULL THEN v.expires_at"
    b" WHEN a.status IN ('pending', 'approved') THEN a.expires_at END)"
    b" FROM verification_nonce n JOIN verification_verification v ON v.id = n.verification_id"
    b" LEFT JOIN verification_approval a ON a.id = v.id"
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
LOCK_FREE = Statement(b"lock_free", _ALLOWANCE + b" SKIP LOCKED", (PLAIN,))
"""Lock the rows that nobody else holds; the others are left out of the answer."""
LOCK_WAITING = Statement(b"lock_waiting", _ALLOWANCE, (PLAIN,))
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
    (PLAIN,) * 3,
)
ADMIT_SERVERS = Statement(b"admit_servers", b"SELECT mcp_admit($1, $2, $3, $4, $5)", (PLAIN,) * 5)
OPEN_SERVERS = Statement(
    b"open_servers",
    b"INSERT INTO mcp_serverrate (server_id, minute, used) SELECT id, '-infinity', 0 FROM unnest($1::uuid[]) AS t (id)"
    b" ON CONFLICT DO NOTHING",
    (PLAIN,),
)
LOCK_SERVERS = Statement(
    b"lock_servers",
    b"SELECT replace(server_id::text, '-', ''),"
    b" CASE WHEN minute >= date_trunc('minute', clock_timestamp()) THEN used ELSE 0 END,"
    b" extract(epoch FROM date_trunc('minute', clock_timestamp()) + interval '1 minute' - clock_timestamp())"
    b" FROM mcp_serverrate WHERE server_id = ANY ($1) ORDER BY server_id FOR NO KEY UPDATE",
    (PLAIN,),
)
COUNT_SERVER = Statement(
    b"count_server",
    b"UPDATE mcp_serverrate AS r SET minute = greatest(r.minute, date_trunc('minute', clock_timestamp())),"
    b" used = CASE WHEN r.minute >= date_trunc('minute', clock_timestamp()) THEN r.used ELSE 0 END + $2::int"
    b" WHERE r.server_id = $1",
    (PLAIN,) * 2,
)
GENERATIONS = Statement(
    b"generations",
    b"SELECT replace(organization_id::text, '-', ''), generation FROM mcp_serverbook WHERE organization_id = ANY ($1)",
    (PLAIN,),
)
"""Which state of their servers organizations are at; one without servers is left out."""
TIME = Statement(b"time", b"SELECT extract(epoch FROM clock_timestamp())", ())

ALL = (
    ADMIT,
    INSERT_VERIFICATIONS,
    INSERT_ENTRIES,
    INSERT_APPROVALS,
    INSERT_NONCES,
    CLAIM_NONCE,
    FIND_NONCE,
    BEGIN,
    COMMIT,
    ROLLBACK,
    LOCK_FREE,
    LOCK_WAITING,
    COUNT,
    ADMIT_SERVERS,
    OPEN_SERVERS,
    LOCK_SERVERS,
    COUNT_SERVER,
    GENERATIONS,
    TIME,
)
