import aim.ids
from django.db import migrations, models

PROTECTION = """
CREATE FUNCTION ledger_seal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the seal of the ledger is append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
CREATE TRIGGER ledger_tile_append_only BEFORE UPDATE OR DELETE ON ledger_tile
    FOR EACH ROW EXECUTE FUNCTION ledger_seal_refuse();
CREATE TRIGGER ledger_tile_no_truncate BEFORE TRUNCATE ON ledger_tile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_seal_refuse();
CREATE TRIGGER ledger_checkpoint_append_only BEFORE UPDATE OR DELETE ON ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION ledger_seal_refuse();
CREATE TRIGGER ledger_checkpoint_no_truncate BEFORE TRUNCATE ON ledger_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_seal_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_leaves_and_followers")]

    operations = [
        migrations.CreateModel(
            name="SealKey",
            fields=[
                ("id", models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=300)),
                ("public_key", models.BinaryField(max_length=32, unique=True)),
                ("private_key", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.CreateModel(
            name="Tile",
            fields=[
                ("pk", models.CompositePrimaryKey("level", "number", blank=True, editable=False, primary_key=True, serialize=False)),
                ("level", models.SmallIntegerField()),
                ("number", models.BigIntegerField()),
                ("hashes", models.BinaryField(max_length=8192)),
                ("root", models.BinaryField(max_length=32)),
            ],
            options={"ordering": ["level", "number"]},
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("signed_at", models.DateTimeField()),
                ("note", models.TextField()),
            ],
            options={"ordering": ["number"]},
        ),
        migrations.RunSQL(PROTECTION, "DROP FUNCTION ledger_seal_refuse CASCADE"),
    ]
