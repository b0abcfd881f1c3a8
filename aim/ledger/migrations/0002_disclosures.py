from django.db import migrations, models

# One change alone is let through: clear values may be erased, while everything that is sealed stays as it is.
TABLE = """
ALTER TABLE ledger_entry ADD COLUMN disclosures bytea;
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.disclosures IS NOT NULL AND NEW.disclosures IS NULL
            AND to_jsonb(NEW) - 'disclosures' = to_jsonb(OLD) - 'disclosures' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
ALTER TABLE ledger_entry DROP COLUMN disclosures;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(
            TABLE,
            BACK,
            state_operations=[
                migrations.AddField(
                    model_name="entry", name="disclosures", field=models.BinaryField(null=True)
                ),
            ],
        ),
    ]
