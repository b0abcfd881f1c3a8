from importlib import import_module

import aim.ids
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

from aim.schema import Together

# What is SQL stands where it was first written.
trust_protection = import_module('agents.migrations.0006_trust_protection')
standings = import_module('agents.migrations.0011_standings')
tallies = import_module('agents.migrations.0014_tallies')
found_by_index = import_module('agents.migrations.0016_registry_found_by_index')


class Migration(migrations.Migration):

    replaces = [
        ('agents', '0001_initial'),
        ('agents', '0002_public_key_proof'),
        ('agents', '0003_runtime_without_checks'),
        ('agents', '0004_agent_tags'),
        ('agents', '0005_trust'),
        ('agents', '0006_trust_protection'),
        ('agents', '0007_registry_search'),
        ('agents', '0008_agent_requests'),
        ('agents', '0009_registry_orders'),
        ('agents', '0010_verification_url'),
        ('agents', '0011_standings'),
        ('agents', '0012_challenge_steps'),
        ('agents', '0013_registry_by_version'),
        ('agents', '0014_tallies'),
        ('agents', '0015_proved_keys'),
        ('agents', '0016_registry_found_by_index'),
        ('agents', '0017_idempotency_keys'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0009_alert_webhook'),
        ('ledger', '0006_erasures'),
    ]

    operations = [
        TrigramExtension(),
        Together(
            [
                migrations.CreateModel(
                    name='Agent',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=100)),
                        ('display_name', models.CharField(max_length=200)),
                        ('agent_type', models.CharField(choices=[('ai_agent', 'AI Agent'), ('mcp_server', 'MCP Server')], max_length=16)),
                        ('version', models.CharField(max_length=50)),
                        ('description', models.TextField(blank=True)),
                        ('status', models.CharField(choices=[('pending', 'Pending'), ('verified', 'Verified'), ('suspended', 'Suspended'), ('revoked', 'Revoked')], default='pending', max_length=16)),
                        ('status_reason', models.TextField(blank=True)),
                        ('verification_method', models.CharField(blank=True, choices=[('challenge', 'Challenge'), ('attestation', 'Attestation')], max_length=16)),
                        ('verified_at', models.DateTimeField(null=True)),
                        ('capabilities', models.JSONField(default=list)),
                        ('resource_scope', models.JSONField(default=list)),
                        ('access_scope_kind', models.CharField(default='organization', max_length=16)),
                        ('access_scope_ids', models.JSONField(default=list)),
                        ('calls_per_hour', models.PositiveIntegerField()),
                        ('bytes_per_day', models.PositiveBigIntegerField()),
                        ('allowed_ip_ranges', models.JSONField(default=list)),
                        ('require_approval', models.JSONField(default=list)),
                        ('auto_deny', models.JSONField(default=list)),
                        ('require_signature', models.BooleanField(default=False)),
                        ('min_trust', models.PositiveSmallIntegerField(default=70)),
                        ('auto_suspend_below', models.PositiveSmallIntegerField(default=50)),
                        ('config_version', models.PositiveIntegerField(default=1)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='agents', to='accounts.organization')),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('tags', models.JSONField(default=list)),
                        ('search_text', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Lower(django.db.models.functions.text.Concat('name', models.Value(' '), 'display_name', models.Value(' '), 'description', output_field=models.TextField())), output_field=models.TextField())),
                        ('verification_url', models.TextField(blank=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization', '-id'], name='agent_by_organization'), models.Index(fields=['organization', 'created_at'], name='agent_by_registration'), models.Index(fields=['organization', 'status', 'id'], name='agent_by_status'), models.Index(models.F('organization'), django.db.models.functions.text.Lower('display_name'), models.F('id'), name='agent_by_display_name'), models.Index(fields=['organization', 'owner', 'id'], name='agent_by_owner'), models.Index(fields=['organization', 'version', 'id'], name='agent_by_version')],
                        'constraints': [models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('name'), name='agent_name_once_per_organization'), models.CheckConstraint(condition=models.Q(('min_trust__lte', 100)), name='agent_min_trust_at_most_100'), models.CheckConstraint(condition=models.Q(('auto_suspend_below__lte', models.F('min_trust'))), name='agent_suspends_below_min_trust')],
                    },
                ),
                migrations.CreateModel(
                    name='ApiKey',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('prefix', models.CharField(max_length=16)),
                        ('digest', models.BinaryField(max_length=32, unique=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('expires_at', models.DateTimeField(null=True)),
                        ('revoked_at', models.DateTimeField(null=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to='agents.agent')),
                    ],
                ),
                migrations.CreateModel(
                    name='PublicKey',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('key_type', models.CharField(choices=[('ed25519', 'Ed25519'), ('rsa', 'RSA'), ('ecdsa-p256', 'ECDSA P-256')], max_length=16)),
                        ('bits', models.PositiveSmallIntegerField()),
                        ('pem', models.TextField()),
                        ('fingerprint', models.CharField(max_length=95)),
                        ('thumbprint', models.CharField(max_length=43)),
                        ('status', models.CharField(choices=[('unproved', 'Unproved'), ('proved', 'Proved'), ('active', 'Active'), ('retired', 'Retired')], default='unproved', max_length=16)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('retired_at', models.DateTimeField(null=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='public_keys', to='agents.agent')),
                        ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('proved_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('status', 'proved')), fields=['id'], name='public_key_proved')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('agent',), name='public_key_one_active_per_agent'), models.UniqueConstraint(condition=models.Q(('status', 'retired'), _negated=True), fields=('agent', 'thumbprint'), name='public_key_once_per_agent')],
                    },
                ),
                migrations.CreateModel(
                    name='Challenge',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('statement', models.TextField()),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('expires_at', models.DateTimeField()),
                        ('used_at', models.DateTimeField(null=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='challenges', to='agents.agent')),
                        ('public_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.publickey')),
                        ('steps', models.JSONField(default=list)),
                        ('error_code', models.CharField(blank=True, max_length=40)),
                        ('error', models.TextField(blank=True)),
                        ('asked_at', models.DateTimeField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='AgentRuntime',
                    fields=[
                        ('agent', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='runtime', serialize=False, to='agents.agent')),
                        ('organization_id', models.UUIDField()),
                        ('epoch', models.BigIntegerField(default=1)),
                        ('trust_score', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                        ('calls_hour', models.DateTimeField(null=True)),
                        ('calls_used', models.IntegerField(default=0)),
                        ('bytes_day', models.DateField(null=True)),
                        ('bytes_used', models.BigIntegerField(default=0)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['organization_id'], name='runtime_by_organization'), models.Index(models.F('organization_id'), django.db.models.functions.comparison.Coalesce('trust_score', models.Value(-1), output_field=models.DecimalField(decimal_places=2, max_digits=5)), models.F('agent_id'), name='runtime_by_trust')],
                    },
                ),
                migrations.CreateModel(
                    name='TrustAccount',
                    fields=[
                        ('agent', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='trust_account', serialize=False, to='agents.agent')),
                        ('progress', models.JSONField(default=dict)),
                        ('seq', models.BigIntegerField(default=0)),
                        ('frozen_at', models.DateTimeField(null=True)),
                        ('frozen_because', models.TextField(blank=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='TrustEvent',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('agent_id', models.UUIDField()),
                        ('number', models.PositiveIntegerField()),
                        ('cause', models.CharField(max_length=40)),
                        ('reason', models.TextField()),
                        ('delta', models.DecimalField(decimal_places=2, max_digits=5)),
                        ('score', models.DecimalField(decimal_places=2, max_digits=5)),
                        ('entry_id', models.UUIDField()),
                        ('seq', models.BigIntegerField(null=True)),
                        ('at', models.DateTimeField()),
                        ('previous', models.BinaryField(max_length=32)),
                        ('key_id', models.CharField(max_length=16)),
                        ('signature', models.BinaryField(max_length=32)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'constraints': [models.UniqueConstraint(fields=('agent_id', 'number'), name='trust_event_numbered_once'), models.UniqueConstraint(fields=('agent_id', 'entry_id'), name='trust_event_once_per_entry')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentRequest',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('display_name', models.CharField(max_length=200)),
                        ('purpose', models.TextField()),
                        ('capabilities', models.JSONField(default=list)),
                        ('resource_scope', models.JSONField(default=list)),
                        ('status', models.CharField(choices=[('open', 'Open'), ('registered', 'Registered'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='open', max_length=16)),
                        ('decided_at', models.DateTimeField(null=True)),
                        ('note', models.TextField(blank=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('agent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='agents.agent')),
                        ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                        ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization', '-id'], name='agent_request_by_organization'), models.Index(condition=models.Q(('status', 'open')), fields=['organization', 'requested_by'], name='agent_request_open')],
                    },
                ),
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
                        ('trust', models.GeneratedField(db_persist=True, expression=models.Case(models.When(then=models.Value('none'), trust_score=None), models.When(then=models.Value('enough'), trust_score__gte=models.F('min_trust')), default=models.Value('low')), output_field=models.CharField(max_length=8))),
                        ('capabilities', models.JSONField(default=list)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['organization_id'], name='standing_by_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentTally',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('status', models.CharField(choices=[('pending', 'Pending'), ('verified', 'Verified'), ('suspended', 'Suspended'), ('revoked', 'Revoked')], max_length=16)),
                        ('agent_type', models.CharField(max_length=16)),
                        ('trust', models.CharField(max_length=8)),
                        ('key_type', models.CharField(blank=True, max_length=16)),
                        ('require_signature', models.BooleanField()),
                        ('owner_id', models.UUIDField(null=True)),
                        ('count', models.IntegerField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['organization_id'], name='tally_by_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='CapabilityTally',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('status', models.CharField(choices=[('pending', 'Pending'), ('verified', 'Verified'), ('suspended', 'Suspended'), ('revoked', 'Revoked')], max_length=16)),
                        ('agent_type', models.CharField(max_length=16)),
                        ('trust', models.CharField(max_length=8)),
                        ('key_type', models.CharField(blank=True, max_length=16)),
                        ('owner_id', models.UUIDField(null=True)),
                        ('capabilities', models.JSONField()),
                        ('count', models.IntegerField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['organization_id'], name='capability_tally_by_org')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentSearch',
                    fields=[
                        ('agent_id', models.UUIDField(primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('status', models.CharField(choices=[('pending', 'Pending'), ('verified', 'Verified'), ('suspended', 'Suspended'), ('revoked', 'Revoked')], max_length=16)),
                        ('agent_type', models.CharField(max_length=16)),
                        ('trust', models.CharField(max_length=8)),
                        ('key_type', models.CharField(blank=True, max_length=16)),
                        ('owner_id', models.UUIDField(null=True)),
                        ('text', models.TextField()),
                        ('capabilities', models.JSONField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['organization_id'], name='search_by_organization'), django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['text'], name='search_by_text', opclasses=['gin_trgm_ops'])],
                    },
                ),
                migrations.CreateModel(
                    name='IdempotencyKey',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('key', models.CharField(max_length=200)),
                        ('digest', models.BinaryField(max_length=32)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='agents.agent')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('organization', 'person', 'key'), name='idempotency_key_once_per_person')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(trust_protection.PROTECTION, 'DROP FUNCTION agents_trust_refuse CASCADE'),
        migrations.RunSQL(standings.FOLLOW, standings.UNFOLLOW),
        migrations.RunSQL(tallies.FOLLOW, tallies.UNFOLLOW),
        migrations.RunSQL(found_by_index.FOLLOW_AGENT, 'DROP FUNCTION agents_search_follows_agent CASCADE'),
        migrations.RunSQL(found_by_index.FOLLOW_STANDING, migrations.RunSQL.noop),
        migrations.RunSQL('ALTER TABLE agents_agentstanding CLUSTER ON agents_agentstanding_pkey', migrations.RunSQL.noop),
    ]
