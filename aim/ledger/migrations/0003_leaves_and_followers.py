from django.db import migrations, models

PROTECTION = """
CREATE FUNCTION ledger_leaf_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the order of the ledger is append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
CREATE TRIGGER ledger_leaf_append_only BEFORE UPDATE OR DELETE ON ledger_leaf
    FOR EACH ROW EXECUTE FUNCTION ledger_leaf_refuse();
CREATE TRIGGER ledger_leaf_no_truncate BEFORE TRUNCATE ON ledger_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_leaf_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_disclosures")]

    operations = [
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.UUIDField(unique=True)),
                ("leaf", models.BinaryField(max_length=32)),
            ],
            options={"ordering": ["seq"], "verbose_name_plural": "leaves"},
        ),
        migrations.CreateModel(
            name="Follower",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField(default=-1)),
                ("updated_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.RunSQL(PROTECTION, "DROP FUNCTION ledger_leaf_refuse CASCADE"),
    ]
