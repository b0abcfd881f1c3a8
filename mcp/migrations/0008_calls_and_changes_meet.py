from django.db import migrations

# A change that a decision reads of a server raises the generation of its organization, and takes the row that calls of
# the server are counted in: at the commit, so that neither is held while the rest of the transaction is written. Calls
# under way are committed before it, and those that follow find the other generation. A server that agents cannot call,
# neither before nor after, changes nothing for them.
CHANGES = """
CREATE FUNCTION mcp_hold_calls(server uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO mcp_serverrate AS r (server_id, minute, used)
        SELECT s.id, '-infinity', 0 FROM mcp_mcpserver s WHERE s.id = server
    ON CONFLICT (server_id) DO UPDATE SET used = r.used;
$$;
CREATE OR REPLACE FUNCTION mcp_server_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM mcp_raise_generation(OLD.organization_id);
    ELSE
        PERFORM mcp_hold_calls(NEW.id);
        PERFORM mcp_raise_generation(NEW.organization_id);
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION mcp_tool_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    server uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.server_id ELSE NEW.server_id END;
BEGIN
    PERFORM mcp_hold_calls(server);
    PERFORM mcp_raise_generation(s.organization_id) FROM mcp_mcpserver s WHERE s.id = server;
    RETURN NULL;
END $$;
DROP TRIGGER mcp_server_added ON mcp_mcpserver;
DROP TRIGGER mcp_server_changed ON mcp_mcpserver;
DROP TRIGGER mcp_server_removed ON mcp_mcpserver;
DROP TRIGGER mcp_tool_added ON mcp_tool;
DROP TRIGGER mcp_tool_changed ON mcp_tool;
DROP TRIGGER mcp_tool_removed ON mcp_tool;
CREATE CONSTRAINT TRIGGER mcp_server_added AFTER INSERT ON mcp_mcpserver DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.status = 'active' AND NEW.verification = 'verified')
    EXECUTE FUNCTION mcp_server_changed();
CREATE CONSTRAINT TRIGGER mcp_server_changed AFTER UPDATE ON mcp_mcpserver DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (('active', 'verified') IN ((OLD.status, OLD.verification), (NEW.status, NEW.verification))
        AND (OLD.name, OLD.status, OLD.verification, OLD.allowed_ip_ranges, OLD.allowed_agents, OLD.rate_per_minute)
        IS DISTINCT FROM
        (NEW.name, NEW.status, NEW.verification, NEW.allowed_ip_ranges, NEW.allowed_agents, NEW.rate_per_minute))
    EXECUTE FUNCTION mcp_server_changed();
CREATE CONSTRAINT TRIGGER mcp_server_removed AFTER DELETE ON mcp_mcpserver DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.status = 'active' AND OLD.verification = 'verified')
    EXECUTE FUNCTION mcp_server_changed();
CREATE CONSTRAINT TRIGGER mcp_tool_added AFTER INSERT ON mcp_tool DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.enabled)
    EXECUTE FUNCTION mcp_tool_changed();
CREATE CONSTRAINT TRIGGER mcp_tool_changed AFTER UPDATE ON mcp_tool DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.enabled OR NEW.enabled)
        AND (OLD.name, OLD.enabled, OLD.permission, OLD.present, OLD.held_reason = '')
        IS DISTINCT FROM (NEW.name, NEW.enabled, NEW.permission, NEW.present, NEW.held_reason = ''))
    EXECUTE FUNCTION mcp_tool_changed();
CREATE CONSTRAINT TRIGGER mcp_tool_removed AFTER DELETE ON mcp_tool DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.enabled)
    EXECUTE FUNCTION mcp_tool_changed();
"""

# The calls of a server's minute, as before; then whether what they were decided by is still true, which nobody can
# change any more once its row is locked. Refusals lock nothing: they only must not be older than what is committed.
ADMIT = """
DROP FUNCTION mcp_admit;
CREATE FUNCTION mcp_admit(servers uuid[], calls int[], limits int[], organizations uuid[], generations bigint[])
RETURNS void LANGUAGE plpgsql AS $$
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
    FOR i IN 1 .. cardinality(organizations) LOOP
        IF generations[i] <> coalesce(
            (SELECT b.generation FROM mcp_serverbook b WHERE b.organization_id = organizations[i]), 0)
        THEN
            RAISE EXCEPTION 'the MCP servers of % have changed', organizations[i] USING ERRCODE = 'AIM04';
        END IF;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("mcp", "0007_health_checks")]

    operations = [migrations.RunSQL(CHANGES), migrations.RunSQL(ADMIT)]
