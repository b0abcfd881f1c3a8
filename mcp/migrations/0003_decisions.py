import django.db.models.deletion
from django.db import migrations, models

# What decisions read of an organization's servers is compiled once a process and generation. Whatever changes it raises
# the generation, here, so that nobody who writes to these tables can forget it.
BOOK = """
CREATE FUNCTION mcp_raise_generation(organization uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO mcp_serverbook AS b (organization_id, generation) VALUES (organization, 1)
    ON CONFLICT (organization_id) DO UPDATE SET generation = b.generation + 1;
$$;
CREATE FUNCTION mcp_server_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mcp_raise_generation(CASE WHEN TG_OP = 'DELETE' THEN OLD.organization_id ELSE NEW.organization_id END);
    RETURN NULL;
END $$;
CREATE FUNCTION mcp_tool_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mcp_raise_generation(s.organization_id) FROM mcp_mcpserver s
        WHERE s.id = CASE WHEN TG_OP = 'DELETE' THEN OLD.server_id ELSE NEW.server_id END;
    RETURN NULL;
END $$;
CREATE TRIGGER mcp_server_added AFTER INSERT ON mcp_mcpserver FOR EACH ROW WHEN (NEW.verification = 'verified')
    EXECUTE FUNCTION mcp_server_changed();
CREATE TRIGGER mcp_server_changed AFTER UPDATE ON mcp_mcpserver FOR EACH ROW
    WHEN ((OLD.name, OLD.status, OLD.verification, OLD.allowed_ip_ranges, OLD.allowed_agents, OLD.rate_per_minute)
        IS DISTINCT FROM
        (NEW.name, NEW.status, NEW.verification, NEW.allowed_ip_ranges, NEW.allowed_agents, NEW.rate_per_minute))
    EXECUTE FUNCTION mcp_server_changed();
CREATE TRIGGER mcp_server_removed AFTER DELETE ON mcp_mcpserver FOR EACH ROW
    EXECUTE FUNCTION mcp_server_changed();
CREATE TRIGGER mcp_tool_added AFTER INSERT ON mcp_tool FOR EACH ROW WHEN (NEW.enabled)
    EXECUTE FUNCTION mcp_tool_changed();
CREATE TRIGGER mcp_tool_changed AFTER UPDATE ON mcp_tool FOR EACH ROW
    WHEN ((OLD.name, OLD.enabled, OLD.permission, OLD.present, OLD.held_reason = '')
        IS DISTINCT FROM (NEW.name, NEW.enabled, NEW.permission, NEW.present, NEW.held_reason = ''))
    EXECUTE FUNCTION mcp_tool_changed();
CREATE TRIGGER mcp_tool_removed AFTER DELETE ON mcp_tool FOR EACH ROW WHEN (OLD.enabled)
    EXECUTE FUNCTION mcp_tool_changed();
INSERT INTO mcp_serverbook (organization_id, generation) SELECT DISTINCT organization_id, 1 FROM mcp_mcpserver;
"""
NO_BOOK = """
DROP FUNCTION mcp_server_changed CASCADE;
DROP FUNCTION mcp_tool_changed CASCADE;
DROP FUNCTION mcp_raise_generation CASCADE;
"""

# The calls of a server's minute, counted by all processes in the transaction of the decision. The caller sorts the
# servers, so that two batches never wait for each other in a circle. The minute never goes back.
ADMIT = """
CREATE FUNCTION mcp_admit(servers uuid[], calls int[], limits int[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    this_minute timestamptz;
BEGIN
    FOR i IN 1 .. cardinality(servers) LOOP
        this_minute := date_trunc('minute', clock_timestamp());
        INSERT INTO mcp_serverrate AS r (server_id, minute, used)
            SELECT servers[i], this_minute, calls[i] WHERE calls[i] <= limits[i]
        ON CONFLICT (server_id) DO UPDATE SET
            minute = greatest(r.minute, this_minute),
            used = CASE WHEN r.minute >= this_minute THEN r.used ELSE 0 END + calls[i]
            WHERE CASE WHEN r.minute >= this_minute THEN r.used ELSE 0 END + calls[i] <= limits[i];
        IF NOT FOUND THEN
            RAISE EXCEPTION 'MCP server % is at its limit', servers[i] USING ERRCODE = 'AIM03';
        END IF;
    END LOOP;
END $$;
ALTER TABLE mcp_serverrate SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);
"""


class Migration(migrations.Migration):
    dependencies = [("mcp", "0002_runs_rotation_health")]

    operations = [
        migrations.CreateModel(
            name="ServerBook",
            fields=[
                ("organization_id", models.UUIDField(primary_key=True, serialize=False)),
                ("generation", models.BigIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name="ServerRate",
            fields=[
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rate",
                        serialize=False,
                        to="mcp.mcpserver",
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("used", models.IntegerField(default=0)),
            ],
        ),
        migrations.RunSQL(BOOK, NO_BOOK),
        migrations.RunSQL(ADMIT, "DROP FUNCTION mcp_admit"),
    ]
