import django.db.models.deletion
from django.db import migrations, models

import aim.ids

TABLE = """
CREATE TABLE verification_verification (
    id uuid NOT NULL PRIMARY KEY,
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    status varchar(16) NOT NULL,
    code varchar(40) NOT NULL,
    reason text NOT NULL,
    action_type varchar(100) NOT NULL,
    resource text NOT NULL,
    user_id text NOT NULL,
    session_id text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    duration_us integer NOT NULL,
    request_digest bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX verification_by_organization ON verification_verification (organization_id, id DESC);
CREATE INDEX verification_by_agent ON verification_verification (agent_id, id DESC);
SELECT aim_ensure_partitions('verification_verification', 1, 3);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial"), ("ledger", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLE, "DROP TABLE verification_verification")],
            state_operations=[
                migrations.CreateModel(
                    name="Verification",
                    fields=[
                        ("id", models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ("organization_id", models.UUIDField()),
                        ("agent_id", models.UUIDField()),
                        ("status", models.CharField(choices=[("approved", "Approved"), ("pending", "Pending"), ("denied", "Denied")], max_length=16)),
                        ("code", models.CharField(blank=True, max_length=40)),
                        ("reason", models.TextField(blank=True)),
                        ("action_type", models.CharField(max_length=100)),
                        ("resource", models.TextField()),
                        ("user_id", models.TextField(blank=True)),
                        ("session_id", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField(null=True)),
                        ("duration_us", models.PositiveIntegerField()),
                        ("request_digest", models.BinaryField(max_length=32)),
                    ],
                    options={
                        "ordering": ["-id"],
                        "indexes": [
                            models.Index(fields=["organization_id", "-id"], name="verification_by_organization"),
                            models.Index(fields=["agent_id", "-id"], name="verification_by_agent"),
                        ],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="Completion",
            fields=[
                ("verification_id", models.UUIDField(primary_key=True, serialize=False)),
                ("agent_id", models.UUIDField()),
                ("status", models.CharField(choices=[("success", "Success"), ("failure", "Failure")], max_length=16)),
                ("duration_ms", models.PositiveIntegerField()),
                ("bytes", models.PositiveBigIntegerField(null=True)),
                ("records", models.PositiveBigIntegerField(null=True)),
                ("error", models.TextField(blank=True)),
                ("completed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Nonce",
            fields=[
                ("pk", models.CompositePrimaryKey("agent_id", "digest", blank=True, editable=False, primary_key=True, serialize=False)),
                ("agent_id", models.UUIDField()),
                ("digest", models.BinaryField(max_length=16)),
                ("request_digest", models.BinaryField(max_length=32)),
                ("verification_id", models.UUIDField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["expires_at"], name="nonce_by_expiry")]},
        ),
        migrations.CreateModel(
            name="Containment",
            fields=[
                ("id", models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("address", "Address"), ("user", "User"), ("session", "Session"), ("destination", "Destination"), ("resource", "Resource")], max_length=16)),
                ("pattern", models.TextField()),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("organization", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="containments", to="accounts.organization")),
            ],
        ),
    ]
