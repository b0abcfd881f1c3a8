"""A past for the console's pages: a hundred thousand agents of many kinds, and their decisions of the last weeks.

Rows are made inside PostgreSQL, in the sizes and with the spread of real ones: few agents ask most, some words are
rare.
Bodies of ledger entries are those of a decision that the product itself has made, with ids of their own.
"""

from uuid import UUID

import psycopg

_BATCH = 100_000
_DAYS = 60

# A hash of the number stands for chance, so that every run has the same rows.
_CHANCE = "(('x' || substr(md5({text}), 1, 7))::bit(28)::int / 268435456.0)"

_AGENTS = f"""
WITH made AS (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM agents_agent WHERE organization_id = %(organization)s
), drawn AS (
    SELECT id, n, {_CHANCE.format(text="n::text")} AS a, {_CHANCE.format(text="'b' || n")} AS b FROM made
)
UPDATE agents_agent SET
    display_name = (ARRAY['Billing','Claims','Contract','Data','Discharge','Invoice','Lab','Patient','Release',
        'Support','Warehouse','Security'])[1 + floor(a * 12)::int] || ' '
        || (ARRAY['Reconciler','Summarizer','Reviewer','Sentinel','Drafter','Extractor','Router','Loader','Monitor',
        'Triage'])[1 + floor(b * 10)::int] || ' ' || n,
    description = 'Reads and files what the department ' || floor(a * 400) || ' sends.',
    version = 1 + floor(a * 4) || '.' || floor(b * 9) || '.' || n %% 10,
    status = CASE WHEN a < 0.9 THEN 'verified' WHEN a < 0.95 THEN 'pending' WHEN a < 0.98 THEN 'suspended'
        ELSE 'revoked' END,
    capabilities = CASE WHEN b < 0.5 THEN '["file_system.read"]'::jsonb
        WHEN b < 0.8 THEN '["file_system.read", "network.request"]'::jsonb
        ELSE '["database.read", "network.request"]'::jsonb END,
    agent_type = CASE WHEN b < 0.9 THEN 'ai_agent' ELSE 'mcp_server' END,
    created_at = now() - make_interval(days => floor(a * 400)::int),
    owner_id = CASE WHEN b < 0.05 THEN NULL
        ELSE (%(owners)s::uuid[])[1 + floor(b * cardinality(%(owners)s::uuid[]))::int] END
FROM drawn WHERE drawn.id = agents_agent.id
"""
_RUNTIMES = f"""
UPDATE agents_agentruntime SET trust_score = CASE WHEN r < 0.05 THEN NULL ELSE round((40 + 60 * r)::numeric, 2) END
FROM (SELECT agent_id, {_CHANCE.format(text="'t' || agent_id")} AS r FROM agents_agentruntime) AS drawn
WHERE drawn.agent_id = agents_agentruntime.agent_id
"""
_OPEN = """
SELECT aim_ensure_partitions('verification_verification', 3, 3), aim_ensure_partitions('ledger_entry', 3, 3)
"""
_TEMPLATE = """
SELECT e.id, convert_from(e.body, 'UTF8'), e.disclosures FROM ledger_entry e
WHERE e.kind = 'verification.decided' ORDER BY e.id LIMIT 1
"""
_DECISIONS = f"""
WITH drawn AS MATERIALIZED (
    SELECT n, {_CHANCE.format(text="'d' || n")} AS a, {_CHANCE.format(text="'e' || n")} AS b,
        clock_timestamp() - make_interval(secs => %(days)s * 86400.0 * (1 - n / %(total)s::float8)) AS at
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
), made AS MATERIALIZED (
    SELECT uuidv7(make_interval(secs => -%(days)s * 86400.0 * (1 - n / %(total)s::float8))) AS id, n, a, b,
        date_trunc('milliseconds', at) AS at,
        (%(agents)s::uuid[])[1 + floor(power(a, 4) * cardinality(%(agents)s::uuid[]))::int] AS agent,
        CASE WHEN b < 0.05 THEN 'denied' WHEN b < 0.052 THEN 'pending' ELSE 'approved' END AS status
    FROM drawn ORDER BY n
), decided AS (
    INSERT INTO verification_verification (id, organization_id, agent_id, status, code, reason, action_type, resource,
        user_id, session_id, created_at, expires_at, duration_us, request_digest)
    SELECT id, %(organization)s, agent, status,
        CASE status WHEN 'approved' THEN '' WHEN 'pending' THEN 'approval_required' ELSE
            (ARRAY['capability_missing','out_of_scope','policy_denied','rate_limited','signature_invalid'])
            [1 + floor(b * 100)::int] END,
        CASE status WHEN 'approved' THEN '' WHEN 'pending' THEN 'Refunds need approval'
            ELSE 'Resource out of scope' END,
        (ARRAY['file_read','database_read','api_call','mcp_tool','file_write','code_execution','email_send',
            'file_delete'])[1 + floor(power(b, 2) * 8)::int],
        CASE WHEN n %% 5000 = 0 THEN '/app/ledger/quarterly-' || n || '.pdf'
            ELSE '/app/' || (ARRAY['config','claims','invoices','patients','reports'])[1 + n %% 5] || '/' || n
                || '.json' END,
        CASE WHEN a < 0.3 THEN '' ELSE 'usr_' || floor(a * 5000) END, 'sess_' || n / 40 || '_' || floor(a * 20), at,
        CASE WHEN status = 'denied' THEN NULL ELSE at + interval '60 seconds' END,
        400 + floor(4000 * power(a * b, 2))::int, sha256(int8send(n))
    FROM made
)
INSERT INTO ledger_entry (id, organization_id, kind, subject_id, recorded_at, body, disclosures)
SELECT id, %(organization)s, 'verification.decided', agent, at,
    convert_to(replace(%(body)s, %(known)s, replace(id::text, '-', '')), 'UTF8'), %(disclosures)s
FROM made
"""
_ROLLUPS = """
INSERT INTO verification_rollup (organization_id, granularity, period, agent_id, action_type, status, code, count,
    duration_us, latency)
SELECT organization_id, %(granularity)s, date_trunc(%(granularity)s, created_at, 'UTC'), agent_id, action_type, status,
    code, count(*), sum(duration_us),
    array_fill(0, ARRAY[6]) || ARRAY[(count(*) / 2)::int, (count(*) - count(*) / 2)::int] || array_fill(0, ARRAY[27])
FROM verification_verification
WHERE organization_id = %(organization)s AND created_at >= now() - make_interval(days => %(days)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_DOCUMENTS = """
INSERT INTO verification_document (verification_id, organization_id, words)
SELECT id, organization_id, to_tsvector('simple', regexp_replace(
    lower(resource || ' ' || user_id || ' ' || session_id), '[^a-z0-9]+', ' ', 'g'))
FROM verification_verification WHERE organization_id = %(organization)s
"""
# As the follower `data_classes` would note them: a class here is all that is below one path.
_TOTALS = """
INSERT INTO verification_totalrollup (organization_id, granularity, period, action_type, status, code, count,
    duration_us, latency)
SELECT organization_id, granularity, period, action_type, status, code, sum(count), sum(duration_us),
    array_fill(0, ARRAY[6]) || ARRAY[(sum(count) / 2)::int, (sum(count) - sum(count) / 2)::int]
        || array_fill(0, ARRAY[27])
FROM verification_rollup GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT DO NOTHING
"""
# That everything is counted: the place in the ledger up to which it is must be an entry's.
_PLACE = """
INSERT INTO ledger_leaf (seq, entry_id, leaf)
SELECT coalesce((SELECT max(seq) + 1 FROM ledger_leaf), 0), v.id, sha256('')
FROM verification_verification v ORDER BY v.id DESC LIMIT 1
ON CONFLICT DO NOTHING
"""
_COUNTED_TO_THE_END = """
INSERT INTO ledger_follower (name, seq, error) SELECT 'statistics', max(seq), '' FROM ledger_leaf
ON CONFLICT (name) DO UPDATE SET seq = excluded.seq
"""
_CLASSIFIED = """
INSERT INTO verification_classifieddecision (data_class_id, verification_id)
SELECT c.id, v.id
FROM verification_dataclass c CROSS JOIN LATERAL jsonb_array_elements_text(c.patterns) AS p(pattern)
JOIN verification_verification v
    ON v.organization_id = c.organization_id AND starts_with(v.resource, rtrim(p.pattern, '*'))
ORDER BY v.id
ON CONFLICT DO NOTHING
"""


def load_history(url: str, *, organization: UUID, owners: list[UUID], agents: list[UUID], total: int) -> None:
    """Spread the agents over kinds and owners, and add `total` decisions with all that is derived from them.

    The product must have made at least one decision before. Raises `LookupError` where it has not.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute(_TEMPLATE).fetchone()
        if known is None:
            raise LookupError("There is no decision to make others like.")
        values = {"organization": organization, "owners": owners, "agents": agents, "days": _DAYS, "total": total}
        connection.execute(_AGENTS, values)
        connection.execute(_RUNTIMES)
        connection.execute(_OPEN)
        record = {"known": known[0].hex, "body": known[1], "disclosures": known[2]}
        for first in range(0, total, _BATCH):
            last = min(first + _BATCH, total) - 1
            connection.execute(_DECISIONS, {**values, **record, "first": first, "last": last})
        for granularity, days in (("minute", 2), ("hour", _DAYS), ("day", _DAYS)):
            connection.execute(_ROLLUPS, {**values, "granularity": granularity, "days": days})
        connection.execute(_DOCUMENTS, values)
        connection.execute("VACUUM (ANALYZE)")


def load_totals(url: str) -> None:
    """Add up the counts of all agents, and note that every decision is counted."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (_TOTALS, _PLACE, _COUNTED_TO_THE_END):
            connection.execute(statement)
        connection.execute("VACUUM (ANALYZE) verification_totalrollup")


def load_classified(url: str) -> None:
    """Note for every decision the classes of data that it is of, each being all that is below one path."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_CLASSIFIED)
        connection.execute("VACUUM (ANALYZE) verification_classifieddecision")
