from django.db import migrations

# The rows of a chain are only ever added. Whoever may switch triggers off still cannot sign: see `agents.trust`.
PROTECTION = """
CREATE FUNCTION agents_trust_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'trust events are append-only: % refused', TG_OP USING ERRCODE = 'AIM00';
END $$;
CREATE TRIGGER trust_append_only BEFORE UPDATE OR DELETE ON agents_trustevent
    FOR EACH ROW EXECUTE FUNCTION agents_trust_refuse();
CREATE TRIGGER trust_no_truncate BEFORE TRUNCATE ON agents_trustevent
    FOR EACH STATEMENT EXECUTE FUNCTION agents_trust_refuse();
"""


def begin_chains(apps, _schema_editor):
    """A chain for each agent that has a score already, begun by the entry of its verification."""
    from msgspec.structs import asdict

    from agents.trust import BEGINNING, Step, sign
    from aim import clock
    from aim.ids import uuid7

    event, account = apps.get_model("agents", "TrustEvent"), apps.get_model("agents", "TrustAccount")
    entry = apps.get_model("ledger", "Entry")
    kinds = ["agents.agent.verified", "agents.agent.attested"]
    for runtime in apps.get_model("agents", "AgentRuntime").objects.exclude(trust_score=None).iterator():
        cause = entry.objects.filter(subject_id=runtime.agent_id, kind__in=kinds).order_by("-id").first()
        signed = sign(
            Step(
                id=uuid7(),
                organization_id=runtime.organization_id,
                agent_id=runtime.agent_id,
                number=1,
                cause="verified",
                reason="Agent verified",
                delta=runtime.trust_score,
                score=runtime.trust_score,
                entry_id=cause.id if cause else runtime.agent_id,
                seq=None,
                at=clock.now(),
                previous=BEGINNING,
            )
        )
        event.objects.create(**asdict(signed.step), key_id=signed.key_id, signature=signed.signature)
        account.objects.create(agent_id=runtime.agent_id)


class Migration(migrations.Migration):
    dependencies = [("agents", "0005_trust"), ("ledger", "0001_initial")]

    operations = [
        migrations.RunPython(begin_chains, migrations.RunPython.noop),
        migrations.RunSQL(PROTECTION, "DROP FUNCTION agents_trust_refuse CASCADE"),
    ]
