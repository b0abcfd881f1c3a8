from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

FILL_STANDINGS = """
UPDATE agents_agentstanding AS s SET capabilities = a.capabilities FROM agents_agent AS a WHERE a.id = s.agent_id
"""
FILL = """
INSERT INTO agents_capabilitytally
    (organization_id, status, agent_type, trust, key_type, owner_id, capabilities, count)
SELECT organization_id, status, agent_type, trust, key_type, owner_id, capabilities, count(*)
FROM agents_agentstanding
GROUP BY organization_id, status, agent_type, trust, key_type, owner_id, capabilities
"""
FILL_SEARCH = """
INSERT INTO agents_agentsearch
    (agent_id, organization_id, status, agent_type, trust, key_type, owner_id, text, capabilities)
SELECT s.agent_id, s.organization_id, s.status, s.agent_type, s.trust, s.key_type, s.owner_id, a.search_text,
    s.capabilities
FROM agents_agentstanding AS s JOIN agents_agent AS a ON a.id = s.agent_id ORDER BY s.agent_id
"""
FOLLOW_AGENT = """
CREATE OR REPLACE FUNCTION agents_standing_follows_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM agents_agentstanding WHERE agent_id = OLD.id;
        DELETE FROM agents_agentsearch WHERE agent_id = OLD.id;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO agents_agentstanding
            (agent_id, organization_id, status, agent_type, key_type, owner_id, require_signature, min_trust,
            capabilities)
        VALUES (NEW.id, NEW.organization_id, NEW.status, NEW.agent_type, '', NEW.owner_id, NEW.require_signature,
            NEW.min_trust, NEW.capabilities);
        INSERT INTO agents_agentsearch
            (agent_id, organization_id, status, agent_type, trust, key_type, owner_id, text, capabilities)
        VALUES (NEW.id, NEW.organization_id, NEW.status, NEW.agent_type, 'none', '', NEW.owner_id, NEW.search_text,
            NEW.capabilities);
    ELSE
        UPDATE agents_agentstanding SET status = NEW.status, agent_type = NEW.agent_type, owner_id = NEW.owner_id,
            require_signature = NEW.require_signature, min_trust = NEW.min_trust, capabilities = NEW.capabilities
        WHERE agent_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER standing_of_changed ON agents_agent;
CREATE TRIGGER standing_of_changed
    AFTER UPDATE OF status, agent_type, owner_id, require_signature, min_trust, capabilities ON agents_agent
    FOR EACH ROW
    WHEN ((OLD.status, OLD.agent_type, OLD.owner_id, OLD.require_signature, OLD.min_trust, OLD.capabilities)
        IS DISTINCT FROM
        (NEW.status, NEW.agent_type, NEW.owner_id, NEW.require_signature, NEW.min_trust, NEW.capabilities))
    EXECUTE FUNCTION agents_standing_follows_agent();
CREATE FUNCTION agents_search_follows_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agents_agentsearch SET text = NEW.search_text WHERE agent_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_of_changed AFTER UPDATE OF name, display_name, description ON agents_agent FOR EACH ROW
    WHEN (OLD.search_text IS DISTINCT FROM NEW.search_text) EXECUTE FUNCTION agents_search_follows_agent();
"""
# As in 0014, with the counts by capabilities and what is searched beside the others.
FOLLOW_STANDING = """
CREATE OR REPLACE FUNCTION agents_tally_follows_standing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.organization_id, OLD.status, OLD.agent_type, OLD.trust, OLD.key_type, OLD.require_signature,
                OLD.owner_id, OLD.capabilities)
            IS NOT DISTINCT FROM (NEW.organization_id, NEW.status, NEW.agent_type, NEW.trust, NEW.key_type,
                NEW.require_signature, NEW.owner_id, NEW.capabilities)
        THEN
            RETURN NULL;
        END IF;
        UPDATE agents_agentsearch SET status = NEW.status, agent_type = NEW.agent_type, trust = NEW.trust,
            key_type = NEW.key_type, owner_id = NEW.owner_id, capabilities = NEW.capabilities
        WHERE agent_id = NEW.agent_id;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO agents_agenttally
            (organization_id, status, agent_type, trust, key_type, require_signature, owner_id, count)
        VALUES (OLD.organization_id, OLD.status, OLD.agent_type, OLD.trust, OLD.key_type, OLD.require_signature,
            OLD.owner_id, -1);
        INSERT INTO agents_capabilitytally
            (organization_id, status, agent_type, trust, key_type, owner_id, capabilities, count)
        VALUES (OLD.organization_id, OLD.status, OLD.agent_type, OLD.trust, OLD.key_type, OLD.owner_id,
            OLD.capabilities, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO agents_agenttally
            (organization_id, status, agent_type, trust, key_type, require_signature, owner_id, count)
        VALUES (NEW.organization_id, NEW.status, NEW.agent_type, NEW.trust, NEW.key_type, NEW.require_signature,
            NEW.owner_id, 1);
        INSERT INTO agents_capabilitytally
            (organization_id, status, agent_type, trust, key_type, owner_id, capabilities, count)
        VALUES (NEW.organization_id, NEW.status, NEW.agent_type, NEW.trust, NEW.key_type, NEW.owner_id,
            NEW.capabilities, 1);
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0015_proved_keys")]

    operations = [
        TrigramExtension(),
        # Nothing may change between the copies and the triggers.
        migrations.RunSQL(
            "LOCK TABLE agents_agent, agents_agentstanding IN SHARE ROW EXCLUSIVE MODE", migrations.RunSQL.noop
        ),
        migrations.AddField(
            model_name="agentstanding", name="capabilities", field=models.JSONField(default=list)
        ),
        migrations.RunSQL(FILL_STANDINGS, migrations.RunSQL.noop),
        # Written twice now, row by row; a search reads all of it.
        migrations.RunSQL(
            "CLUSTER agents_agentstanding USING agents_agentstanding_pkey", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="CapabilityTally",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("verified", "Verified"),
                            ("suspended", "Suspended"),
                            ("revoked", "Revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("agent_type", models.CharField(max_length=16)),
                ("trust", models.CharField(max_length=8)),
                ("key_type", models.CharField(blank=True, max_length=16)),
                ("owner_id", models.UUIDField(null=True)),
                ("capabilities", models.JSONField()),
                ("count", models.IntegerField()),
            ],
            options={"indexes": [models.Index(fields=["organization_id"], name="capability_tally_by_org")]},
        ),
        migrations.CreateModel(
            name="AgentSearch",
            fields=[
                ("agent_id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("verified", "Verified"),
                            ("suspended", "Suspended"),
                            ("revoked", "Revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("agent_type", models.CharField(max_length=16)),
                ("trust", models.CharField(max_length=8)),
                ("key_type", models.CharField(blank=True, max_length=16)),
                ("owner_id", models.UUIDField(null=True)),
                ("text", models.TextField()),
                ("capabilities", models.JSONField()),
            ],
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FILL_SEARCH, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="agentsearch", index=models.Index(fields=["organization_id"], name="search_by_organization")
        ),
        # Rows are written rarely: nobody has to collect what is new behind the index, and to read that at each search.
        migrations.AddIndex(
            model_name="agentsearch",
            index=GinIndex(fields=["text"], name="search_by_text", opclasses=["gin_trgm_ops"], fastupdate=False),
        ),
        migrations.RunSQL(FOLLOW_AGENT, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOW_STANDING, migrations.RunSQL.noop),
    ]
