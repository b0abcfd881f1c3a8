from django.db import migrations

# The condition under which decisions may be committed, and their count against the agent's limits, in one statement
# an agent. The caller sorts the agents, so that two batches never wait for each other in a circle. The hour never
# goes back: whichever transaction saw the later one wins.
ADMIT = """
CREATE FUNCTION verification_admit(
    agents uuid[], epochs bigint[], trusts numeric[],
    calls int[], calls_limits bigint[], volumes bigint[], volume_limits bigint[]
) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    this_hour timestamptz;
    today date;
BEGIN
    FOR i IN 1 .. cardinality(agents) LOOP
        IF calls[i] = 0 THEN
            PERFORM 1 FROM agents_agentruntime
                WHERE agent_id = agents[i] AND epoch = epochs[i] AND trust_score IS NOT DISTINCT FROM trusts[i];
        ELSE
            this_hour := date_trunc('hour', clock_timestamp(), 'UTC');
            today := (clock_timestamp() AT TIME ZONE 'UTC')::date;
            UPDATE agents_agentruntime AS r SET
                calls_hour = greatest(r.calls_hour, this_hour),
                calls_used = CASE WHEN r.calls_hour >= this_hour THEN r.calls_used ELSE 0 END + calls[i],
                bytes_day = greatest(r.bytes_day, today),
                bytes_used = CASE WHEN r.bytes_day >= today THEN r.bytes_used ELSE 0 END + volumes[i]
            WHERE r.agent_id = agents[i] AND r.epoch = epochs[i] AND r.trust_score IS NOT DISTINCT FROM trusts[i]
                AND CASE WHEN r.calls_hour >= this_hour THEN r.calls_used ELSE 0 END + calls[i] <= calls_limits[i]
                AND CASE WHEN r.bytes_day >= today THEN r.bytes_used ELSE 0 END + volumes[i] <= volume_limits[i];
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'agent % has changed or is at a limit', agents[i] USING ERRCODE = 'AIM01';
        END IF;
    END LOOP;
    RETURN clock_timestamp();
END $$;
"""

# Updated in place many times a second: room on each page keeps the updates out of the indexes.
STORAGE = """
ALTER TABLE agents_agentruntime SET (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);
"""


class Migration(migrations.Migration):
    dependencies = [("verification", "0001_initial"), ("agents", "0001_initial")]

    operations = [
        migrations.RunSQL(ADMIT, "DROP FUNCTION verification_admit"),
        migrations.RunSQL(STORAGE, "ALTER TABLE agents_agentruntime RESET (fillfactor, autovacuum_vacuum_scale_factor)"),
    ]
