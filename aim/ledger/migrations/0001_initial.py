import django.db.models.functions.datetime
from django.db import migrations, models

import aim.ids

TABLE = """
CREATE TABLE ledger_entry (
    id uuid NOT NULL PRIMARY KEY,
    organization_id uuid,
    kind varchar(100) NOT NULL,
    subject_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    body bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX ledger_entry_by_subject ON ledger_entry (subject_id, id DESC) WHERE kind <> 'verification.decided';
CREATE INDEX ledger_entry_by_organization ON ledger_entry (organization_id, id DESC) WHERE kind <> 'verification.decided';
"""

# Row triggers of a partitioned table reach its partitions by themselves; a TRUNCATE trigger does not, so that each
# partition gets one of its own when it is made.
PROTECTION = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
"""

PARTITIONS = """
CREATE FUNCTION aim_month_floor(month timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
CREATE FUNCTION aim_ensure_partitions(parent text, months_behind int, months_ahead int) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    month timestamptz;
    partition text;
BEGIN
    FOR offset_months IN -months_behind .. months_ahead LOOP
        month := date_trunc('month', now(), 'UTC') + make_interval(months => offset_months);
        month := date_trunc('month', month + interval '1 day', 'UTC');
        partition := parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', partition, parent,
            aim_month_floor(month),
            aim_month_floor(date_trunc('month', month + interval '32 days', 'UTC')));
        -- Rows of a few kilobytes stay whole: compressing each would cost more than the space is worth.
        EXECUTE format('ALTER TABLE %I SET (toast_tuple_target = 8160)', partition);
        IF parent = 'ledger_entry' THEN
            EXECUTE format(
                'CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON %I '
                'FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', partition);
        END IF;
        RETURN NEXT partition;
    END LOOP;
END $$;
SELECT aim_ensure_partitions('ledger_entry', 1, 3);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLE, "DROP TABLE ledger_entry"),
                migrations.RunSQL(PROTECTION, "DROP FUNCTION ledger_refuse CASCADE"),
                migrations.RunSQL(
                    PARTITIONS, "DROP FUNCTION aim_ensure_partitions; DROP FUNCTION aim_month_floor"
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Entry",
                    fields=[
                        ("id", models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ("organization_id", models.UUIDField(null=True)),
                        ("kind", models.CharField(max_length=100)),
                        ("subject_id", models.UUIDField(null=True)),
                        ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("body", models.BinaryField()),
                    ],
                    options={"verbose_name_plural": "entries", "ordering": ["-id"]},
                ),
            ],
        ),
    ]
