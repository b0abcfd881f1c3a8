"""The squashed migrations make what those make that they replace; who has applied some of these goes on with them."""

from datetime import UTC, datetime
from json import loads

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from aim.ids import uuid7
from tests.factories.databases import own_database

# An installation in the middle of the chain, before the tables that later migrations fill from what there is.
BEFORE = [
    ("accounts", "0006_notifications"),
    ("agents", "0010_verification_url"),
    ("ledger", "0004_seals"),
    ("mcp", "0002_runs_rotation_health"),
    ("verification", "0005_rollups"),
    ("mail", "0001_initial"),
]

# All there is of a database but its rows and who may do what: names, definitions and orders, one text an object.
SCHEMA = """
SELECT 'extension ' || extname || ' ' || extversion FROM pg_extension
UNION ALL
SELECT concat_ws(' ', 'relation', c.relname, c.relkind, c.relpersistence, c.reloptions, c.relacl,
    pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
    (SELECT string_agg(inhparent::regclass::text, ' ') FROM pg_inherits WHERE inhrelid = c.oid))
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT concat_ws(' ', 'column', c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
    a.attcollation::regcollation, a.attoptions, a.attacl, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisclustered, indisvalid, indisreplident)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger t WHERE NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' ', 'function', pg_get_functiondef(p.oid), p.proacl) FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
UNION ALL
SELECT concat_ws(' ', 'sequence', s.*::text) FROM
    (SELECT sequencename, data_type, start_value, increment_by, max_value, cycle FROM pg_sequences
    WHERE schemaname = 'public') AS s
"""


class WithoutSquashes(MigrationLoader):
    """The migrations as they were before the squashed ones stood beside them."""

    def load_disk(self):
        super().load_disk()
        squashed = {key: found.replaces[-1] for key, found in self.disk_migrations.items() if found.replaces}
        for key in squashed:
            del self.disk_migrations[key]
        for found in self.disk_migrations.values():
            found.dependencies = [squashed.get(needed, needed) for needed in found.dependencies]


def _migrate_without_squashes(targets):
    """Return the models of the code as it was at that point."""
    executor = MigrationExecutor(connection)
    executor.loader = WithoutSquashes(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def _is_complete():
    """Nothing is left to apply, and the history has no holes."""
    executor = MigrationExecutor(connection)
    executor.loader.check_consistent_history(connection)
    return executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def _schema():
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        return sorted(text for (text,) in cursor)


def _rows():
    """Return the rows of each table but those of Django's own, as dictionaries."""
    with connection.cursor() as cursor:
        tables = [
            name for name in connection.introspection.table_names(cursor) if not name.startswith(("django", "auth_"))
        ]
        rows = {}
        for table in tables:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t")
            rows[table] = [loads(text) for (text,) in cursor]
        return rows


def _fill(models):
    """A row of each kind that later migrations change, count or copy."""
    organization = models.get_model("accounts", "Organization").objects.create(name="Acme")
    user = models.get_model("accounts", "User").objects.create(email="ada@example.com", name="Ada")
    models.get_model("accounts", "Membership").objects.create(organization=organization, user=user, role="admin")
    agent = models.get_model("agents", "Agent").objects.create(
        organization=organization,
        owner=user,
        name="billing",
        display_name="Billing",
        agent_type="ai_agent",
        version="1.0",
        status="verified",
        capabilities=["payment.write"],
        calls_per_hour=100,
        bytes_per_day=100,
    )
    models.get_model("agents", "AgentRuntime").objects.create(
        agent=agent, organization_id=organization.id, trust_score=80
    )
    models.get_model("mcp", "McpServer").objects.create(
        organization=organization, name="files", display_name="Files", version="1.0", url="https://files.example.com"
    )
    models.get_model("ledger", "Entry").objects.create(organization_id=organization.id, kind="kept", body=b"{}")
    for latency in (1, 2):
        models.get_model("verification", "Rollup").objects.create(
            organization_id=organization.id,
            granularity="day",
            period=datetime(2026, 11, 1, tzinfo=UTC),
            agent_id=uuid7(),
            action_type="payment.write",
            status="approved",
            code="",
            count=latency,
            duration_us=10,
            latency=[latency] * 35,
        )


def test_a_new_installation_applies_the_squashed_migrations_alone():
    with own_database():
        recorder = MigrationRecorder(connection)
        loader = MigrationLoader(connection)
        squashed = {key: found.replaces for key, found in loader.disk_migrations.items() if found.replaces}
        assert {app for app, _name in squashed} >= {"accounts", "agents", "ledger", "mcp", "verification"}
        assert set(squashed) <= set(loader.graph.nodes)
        assert not set(loader.graph.nodes) & {key for replaced in squashed.values() for key in replaced}
        assert set(recorder.applied_migrations()) >= set(squashed)
        assert _is_complete()


def test_an_installation_within_the_replaced_migrations_goes_on_to_the_same_schema_and_loses_nothing():
    with own_database():
        new = _schema()
        assert len(new) > 1000  # It does look at something.
    with own_database(migrated=False):
        _fill(_migrate_without_squashes(BEFORE))
        before = _rows()
        assert not _is_complete()
        call_command("migrate", verbosity=0)
        assert _is_complete()
        assert _schema() == new
        after = _rows()
        for table, rows in before.items():
            kept = [{name: row[name] for name in rows[0]} for row in after[table]] if rows else []
            assert all(row in kept for row in rows), table
        (standing,), (search,), (tally,) = (after[f"agents_agent{kind}"] for kind in ("standing", "search", "tally"))
        assert (standing["trust"], standing["capabilities"], tally["count"]) == ("enough", ["payment.write"], 1)
        assert "billing" in search["text"]
        (total,) = after["verification_totalrollup"]
        assert (total["count"], total["duration_us"], set(total["latency"])) == (3, 20, {3})
        assert len(after["mcp_serverbook"]) == 1


def test_who_has_applied_all_that_is_replaced_has_nothing_to_apply():
    with own_database():
        recorder = MigrationRecorder(connection)
        loader = WithoutSquashes(connection)
        recorder.flush()
        for app, name in loader.graph.nodes:
            recorder.record_applied(app, name)
        assert _is_complete()
        before = _schema()
        call_command("migrate", verbosity=0)
        assert _is_complete()
        assert _schema() == before
