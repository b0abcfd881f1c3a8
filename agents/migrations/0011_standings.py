from django.db import migrations, models
from django.db.models import Case, F, Value, When

FILL = """
INSERT INTO agents_agentstanding
    (agent_id, organization_id, status, agent_type, key_type, owner_id, require_signature, min_trust, trust_score)
SELECT a.id, a.organization_id, a.status, a.agent_type, coalesce(k.key_type, ''), a.owner_id, a.require_signature,
    a.min_trust, r.trust_score
FROM agents_agent a
LEFT JOIN agents_agentruntime r ON r.agent_id = a.id
LEFT JOIN agents_publickey k ON k.agent_id = a.id AND k.status = 'active'
"""
# Each of them writes its own columns alone, so that changes of an agent and of its key never undo each other.
FOLLOW = """
CREATE FUNCTION agents_standing_follows_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM agents_agentstanding WHERE agent_id = OLD.id;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO agents_agentstanding
            (agent_id, organization_id, status, agent_type, key_type, owner_id, require_signature, min_trust)
        VALUES (NEW.id, NEW.organization_id, NEW.status, NEW.agent_type, '', NEW.owner_id, NEW.require_signature,
            NEW.min_trust);
    ELSE
        UPDATE agents_agentstanding SET status = NEW.status, agent_type = NEW.agent_type, owner_id = NEW.owner_id,
            require_signature = NEW.require_signature, min_trust = NEW.min_trust
        WHERE agent_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION agents_standing_follows_trust() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agents_agentstanding SET trust_score = NEW.trust_score WHERE agent_id = NEW.agent_id;
    RETURN NULL;
END $$;
CREATE FUNCTION agents_standing_follows_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' AND NEW.status = 'active' THEN
        UPDATE agents_agentstanding SET key_type = NEW.key_type WHERE agent_id = NEW.agent_id;
    ELSIF TG_OP <> 'INSERT' AND OLD.status = 'active' THEN
        UPDATE agents_agentstanding SET key_type = '' WHERE agent_id = OLD.agent_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER standing_of_new AFTER INSERT OR DELETE ON agents_agent
    FOR EACH ROW EXECUTE FUNCTION agents_standing_follows_agent();
CREATE TRIGGER standing_of_changed
    AFTER UPDATE OF status, agent_type, owner_id, require_signature, min_trust ON agents_agent FOR EACH ROW
    WHEN ((OLD.status, OLD.agent_type, OLD.owner_id, OLD.require_signature, OLD.min_trust)
        IS DISTINCT FROM (NEW.status, NEW.agent_type, NEW.owner_id, NEW.require_signature, NEW.min_trust))
    EXECUTE FUNCTION agents_standing_follows_agent();
CREATE TRIGGER standing_of_new_trust AFTER INSERT ON agents_agentruntime FOR EACH ROW
    WHEN (NEW.trust_score IS NOT NULL) EXECUTE FUNCTION agents_standing_follows_trust();
CREATE TRIGGER standing_of_moved_trust AFTER UPDATE OF trust_score ON agents_agentruntime FOR EACH ROW
    WHEN (OLD.trust_score IS DISTINCT FROM NEW.trust_score) EXECUTE FUNCTION agents_standing_follows_trust();
CREATE TRIGGER standing_of_key AFTER INSERT OR DELETE OR UPDATE OF status ON agents_publickey
    FOR EACH ROW EXECUTE FUNCTION agents_standing_follows_key();
"""
UNFOLLOW = """
DROP TRIGGER standing_of_new ON agents_agent;
DROP TRIGGER standing_of_changed ON agents_agent;
DROP TRIGGER standing_of_new_trust ON agents_agentruntime;
DROP TRIGGER standing_of_moved_trust ON agents_agentruntime;
DROP TRIGGER standing_of_key ON agents_publickey;
DROP FUNCTION agents_standing_follows_agent, agents_standing_follows_trust, agents_standing_follows_key;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0010_verification_url'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentStanding',
            fields=[
                ('agent_id', models.UUIDField(primary_key=True, serialize=False)),
                ('organization_id', models.UUIDField()),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('verified', 'Verified'), ('suspended', 'Suspended'), ('revoked', 'Revoked')], max_length=16)),
                ('agent_type', models.CharField(max_length=16)),
                ('key_type', models.CharField(blank=True, max_length=16)),
                ('owner_id', models.UUIDField(null=True)),
                ('require_signature', models.BooleanField()),
                ('min_trust', models.PositiveSmallIntegerField()),
                ('trust_score', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ('trust', models.GeneratedField(db_persist=True, expression=Case(When(trust_score=None, then=Value('none')), When(trust_score__gte=F('min_trust'), then=Value('enough')), default=Value('low')), output_field=models.CharField(max_length=8))),
            ],
            options={
                'indexes': [models.Index(fields=['organization_id'], name='standing_by_organization')],
            },
        ),
        # Nothing may change between the copy and the triggers.
        migrations.RunSQL("LOCK TABLE agents_agent, agents_agentruntime, agents_publickey IN SHARE ROW EXCLUSIVE MODE", migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
    ]
