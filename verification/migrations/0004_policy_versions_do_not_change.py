from django.db import migrations

# What was in force must stay readable for as long as decisions refer to it.
TRIGGER = """
CREATE FUNCTION policy_version_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a policy does not change' USING ERRCODE = 'AIM02';
END $$;
CREATE TRIGGER policy_version_immutable BEFORE UPDATE ON verification_policyversion FOR EACH ROW
    WHEN (NEW.document IS DISTINCT FROM OLD.document OR NEW.number <> OLD.number OR NEW.policy_id <> OLD.policy_id
        OR NEW.author_label <> OLD.author_label OR NEW.created_at <> OLD.created_at)
    EXECUTE FUNCTION policy_version_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("verification", "0003_policies")]

    operations = [
        migrations.RunSQL(TRIGGER, "DROP FUNCTION policy_version_refuse CASCADE"),
    ]
