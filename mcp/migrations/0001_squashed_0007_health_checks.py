from importlib import import_module

import aim.ids
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from aim.schema import Together

# What is SQL stands where it was first written.
decisions = import_module('mcp.migrations.0003_decisions')


class Migration(migrations.Migration):

    replaces = [
        ('mcp', '0001_initial'),
        ('mcp', '0002_runs_rotation_health'),
        ('mcp', '0003_decisions'),
        ('mcp', '0004_server_list'),
        ('mcp', '0005_offerings'),
        ('mcp', '0006_agent_use_by_agent'),
        ('mcp', '0007_health_checks'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0009_alert_webhook'),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name='McpServer',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=100)),
                        ('display_name', models.CharField(max_length=200)),
                        ('description', models.TextField(blank=True)),
                        ('version', models.CharField(max_length=50)),
                        ('url', models.TextField()),
                        ('protocol', models.CharField(choices=[('auto', 'Newest that the server speaks'), ('2026-07-28', 'MCP 2026-07-28'), ('2025-11-25', 'MCP 2025-11-25')], default='auto', max_length=16)),
                        ('health_endpoint', models.TextField(blank=True)),
                        ('verification_url', models.TextField(blank=True)),
                        ('timeout_seconds', models.PositiveSmallIntegerField(default=30)),
                        ('auth_method', models.CharField(choices=[('none', 'None'), ('api_key', 'API Key'), ('oauth2', 'OAuth 2.0'), ('mtls', 'Mutual TLS'), ('hmac', 'HMAC Signature')], default='none', max_length=16)),
                        ('ca_certificate', models.TextField(blank=True)),
                        ('allowed_ip_ranges', models.JSONField(default=list)),
                        ('allowed_agents', models.JSONField(default=list)),
                        ('rate_per_minute', models.PositiveIntegerField(default=100)),
                        ('verify_signature', models.BooleanField(default=True)),
                        ('verify_tls', models.BooleanField(default=True)),
                        ('verify_health', models.BooleanField(default=True)),
                        ('verify_capabilities', models.BooleanField(default=True)),
                        ('reverify_hours', models.PositiveSmallIntegerField(default=24)),
                        ('failure_threshold', models.PositiveSmallIntegerField(default=3)),
                        ('auto_suspend', models.BooleanField(default=True)),
                        ('notify_on_failure', models.BooleanField(default=True)),
                        ('drift_response', models.CharField(choices=[('alert', 'Alert'), ('hold', 'Hold the tool'), ('suspend', 'Suspend the server')], default='hold', max_length=16)),
                        ('rotation_days', models.PositiveSmallIntegerField(default=90)),
                        ('config_version', models.PositiveIntegerField(default=1)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('suspended', 'Suspended'), ('retired', 'Retired')], default='active', max_length=16)),
                        ('status_reason', models.TextField(blank=True)),
                        ('verification', models.CharField(choices=[('unverified', 'Unverified'), ('verified', 'Verified'), ('failed', 'Failed')], default='unverified', max_length=16)),
                        ('trust_score', models.PositiveSmallIntegerField(null=True)),
                        ('last_verified_at', models.DateTimeField(null=True)),
                        ('next_verification_at', models.DateTimeField(null=True)),
                        ('consecutive_failures', models.PositiveSmallIntegerField(default=0)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mcp_servers', to='accounts.organization')),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('health', models.CharField(choices=[('unknown', 'Unknown'), ('healthy', 'Healthy'), ('unhealthy', 'Unhealthy')], default='unknown', max_length=16)),
                        ('last_health_at', models.DateTimeField(null=True)),
                        ('next_health_at', models.DateTimeField(null=True)),
                        ('suspended_by_failures', models.BooleanField(default=False)),
                        ('tls_version', models.CharField(blank=True, max_length=16)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization', '-id'], name='mcp_server_by_organization'), models.Index(fields=['next_verification_at'], name='mcp_server_due'), models.Index(fields=['next_health_at'], name='mcp_server_health_due'), models.Index(models.F('organization'), django.db.models.functions.text.Lower('display_name'), models.F('id'), name='mcp_server_by_display_name')],
                        'constraints': [models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('name'), name='mcp_server_name_once_per_org')],
                    },
                ),
                migrations.CreateModel(
                    name='ServerKey',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('key_type', models.CharField(max_length=16)),
                        ('bits', models.PositiveSmallIntegerField()),
                        ('pem', models.TextField()),
                        ('fingerprint', models.CharField(max_length=95)),
                        ('thumbprint', models.CharField(max_length=43)),
                        ('status', models.CharField(choices=[('unproved', 'Unproved'), ('active', 'Active'), ('leaving', 'Leaving'), ('retired', 'Retired')], default='unproved', max_length=16)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('proved_at', models.DateTimeField(null=True)),
                        ('leaves_at', models.DateTimeField(null=True)),
                        ('retired_at', models.DateTimeField(null=True)),
                        ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='mcp.mcpserver')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('server',), name='server_key_one_active'), models.UniqueConstraint(condition=models.Q(('status', 'leaving')), fields=('server',), name='server_key_one_leaving'), models.UniqueConstraint(condition=models.Q(('status', 'retired'), _negated=True), fields=('server', 'thumbprint'), name='server_key_once_per_server')],
                    },
                ),
                migrations.CreateModel(
                    name='Tool',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=200)),
                        ('definition', models.JSONField()),
                        ('definition_digest', models.BinaryField(max_length=32)),
                        ('offered', models.JSONField(null=True)),
                        ('risk', models.CharField(default='medium', max_length=16)),
                        ('enabled', models.BooleanField(default=False)),
                        ('permission', models.CharField(choices=[('auto', 'Auto-approved'), ('approval', 'Requires approval'), ('blocked', 'Blocked')], default='approval', max_length=16)),
                        ('held_reason', models.TextField(blank=True)),
                        ('present', models.BooleanField(default=True)),
                        ('first_seen_at', models.DateTimeField(auto_now_add=True)),
                        ('last_seen_at', models.DateTimeField()),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tools', to='mcp.mcpserver')),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [models.UniqueConstraint(fields=('server', 'name'), name='tool_name_once_per_server')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentUse',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('agent_id', models.UUIDField()),
                        ('hour', models.DateTimeField()),
                        ('requests', models.PositiveIntegerField(default=0)),
                        ('approved', models.PositiveIntegerField(default=0)),
                        ('completed', models.PositiveIntegerField(default=0)),
                        ('succeeded', models.PositiveIntegerField(default=0)),
                        ('duration_ms', models.FloatField(default=0)),
                        ('last_at', models.DateTimeField()),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='mcp.mcpserver')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['agent_id', 'server', 'hour'], name='agent_use_by_agent')],
                        'constraints': [models.UniqueConstraint(fields=('server', 'agent_id', 'hour'), name='agent_use_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Certificate',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('role', models.CharField(choices=[('server', 'Server'), ('client', 'Client')], default='server', max_length=8)),
                        ('fingerprint', models.CharField(max_length=95)),
                        ('subject', models.TextField()),
                        ('issuer', models.TextField()),
                        ('names', models.JSONField(default=list)),
                        ('not_before', models.DateTimeField()),
                        ('not_after', models.DateTimeField()),
                        ('pem', models.TextField()),
                        ('current', models.BooleanField(default=True)),
                        ('alerts', models.JSONField(default=list)),
                        ('first_seen_at', models.DateTimeField(auto_now_add=True)),
                        ('last_seen_at', models.DateTimeField()),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='certificates', to='mcp.mcpserver')),
                    ],
                    options={
                        'ordering': ['-last_seen_at'],
                        'indexes': [models.Index(condition=models.Q(('current', True)), fields=['not_after'], name='certificate_ends')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('current', True)), fields=('server', 'role'), name='certificate_one_current'), models.UniqueConstraint(fields=('server', 'role', 'fingerprint'), name='certificate_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Credential',
                    fields=[
                        ('server', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='credential', serialize=False, to='mcp.mcpserver')),
                        ('method', models.CharField(choices=[('none', 'None'), ('api_key', 'API Key'), ('oauth2', 'OAuth 2.0'), ('mtls', 'Mutual TLS'), ('hmac', 'HMAC Signature')], max_length=16)),
                        ('encrypted', models.BinaryField()),
                        ('shown', models.JSONField(default=dict)),
                        ('expires_at', models.DateTimeField(null=True)),
                        ('set_at', models.DateTimeField(auto_now=True)),
                        ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                ),
                migrations.CreateModel(
                    name='HealthHour',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('hour', models.DateTimeField()),
                        ('checks', models.PositiveIntegerField(default=0)),
                        ('healthy', models.PositiveIntegerField(default=0)),
                        ('response_ms', models.FloatField(default=0)),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='health_hours', to='mcp.mcpserver')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('server', 'hour'), name='health_hour_once')],
                    },
                ),
                migrations.CreateModel(
                    name='HealthSample',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('at', models.DateTimeField()),
                        ('healthy', models.BooleanField()),
                        ('response_ms', models.FloatField(null=True)),
                        ('error_code', models.CharField(blank=True, max_length=40)),
                        ('error', models.TextField(blank=True)),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='health_samples', to='mcp.mcpserver')),
                        ('http_status', models.PositiveSmallIntegerField(null=True)),
                        ('trigger', models.CharField(blank=True, choices=[('schedule', 'Schedule'), ('command', 'Command')], max_length=10)),
                        ('way', models.CharField(blank=True, choices=[('endpoint', 'Health endpoint'), ('handshake', 'MCP handshake')], max_length=10)),
                    ],
                    options={
                        'ordering': ['-at'],
                        'indexes': [models.Index(fields=['server', '-at'], name='health_sample_by_server')],
                    },
                ),
                migrations.CreateModel(
                    name='KeyRotation',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('method', models.CharField(choices=[('immediate', 'Immediate rotation'), ('gradual', 'Gradual rollover')], default='gradual', max_length=12)),
                        ('days', models.PositiveSmallIntegerField(default=7)),
                        ('verification_url', models.TextField(blank=True)),
                        ('state', models.CharField(choices=[('confirming', "Waiting for the old key's proof or a second admin"), ('proving', 'Waiting for the proof of the new key'), ('rolling', 'Rollover in progress'), ('completed', 'Completed'), ('abandoned', 'Abandoned')], default='confirming', max_length=12)),
                        ('completion', models.CharField(blank=True, choices=[('immediate', 'Immediate rotation'), ('automatic', 'End of the rollover'), ('early', 'Completed early'), ('revoked', 'Old key revoked')], max_length=12)),
                        ('confirmed_how', models.CharField(blank=True, max_length=16)),
                        ('reason', models.TextField(blank=True)),
                        ('reminders', models.JSONField(default=list)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('proved_at', models.DateTimeField(null=True)),
                        ('ends_at', models.DateTimeField(null=True)),
                        ('completed_at', models.DateTimeField(null=True)),
                        ('confirmed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('new_key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mcp.serverkey')),
                        ('old_key', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mcp.serverkey')),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rotations', to='mcp.mcpserver')),
                        ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('state', 'rolling')), fields=['ends_at'], name='rotation_ends')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['confirming', 'proving', 'rolling'])), fields=('server',), name='rotation_one_under_way')],
                    },
                ),
                migrations.CreateModel(
                    name='SecurityEvent',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(max_length=40)),
                        ('severity', models.CharField(choices=[('critical', 'Critical'), ('high', 'High'), ('medium', 'Medium'), ('low', 'Low')], max_length=8)),
                        ('text', models.TextField()),
                        ('data', models.JSONField(default=dict)),
                        ('at', models.DateTimeField()),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='security_events', to='mcp.mcpserver')),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['server', '-id'], name='security_event_by_server')],
                    },
                ),
                migrations.CreateModel(
                    name='ServerChallenge',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('nonce', models.BinaryField(max_length=32, unique=True)),
                        ('statement', models.BinaryField()),
                        ('issued_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('used_at', models.DateTimeField(null=True)),
                        ('key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='challenges', to='mcp.serverkey')),
                        ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='challenges', to='mcp.verificationrun')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['expires_at'], name='server_challenge_ends')],
                    },
                ),
                migrations.CreateModel(
                    name='ToolChange',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kinds', models.JSONField(default=list)),
                        ('severity', models.CharField(max_length=16)),
                        ('before', models.JSONField(null=True)),
                        ('after', models.JSONField(null=True)),
                        ('response', models.CharField(choices=[('alert', 'Alert'), ('hold', 'Hold the tool'), ('suspend', 'Suspend the server')], max_length=16)),
                        ('found_at', models.DateTimeField(auto_now_add=True)),
                        ('resolution', models.CharField(blank=True, max_length=16)),
                        ('resolved_at', models.DateTimeField(null=True)),
                        ('resolved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('tool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='mcp.tool')),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
                migrations.CreateModel(
                    name='VerificationRun',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('purpose', models.CharField(choices=[('verification', 'Verification'), ('new_key', 'Proof of a new key'), ('test', 'Connection test')], default='verification', max_length=16)),
                        ('trigger', models.CharField(choices=[('registration', 'Registration'), ('manual', 'By a person'), ('schedule', 'Schedule'), ('command', 'Command'), ('rotation', 'Rotation'), ('renewal', 'Renewed certificate')], max_length=16)),
                        ('method', models.CharField(choices=[('challenge_response', 'Challenge-Response'), ('certificate', 'Certificate'), ('health_check', 'Health Check')], default='challenge_response', max_length=24)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('abandoned', 'Abandoned')], default='waiting', max_length=12)),
                        ('steps', models.JSONField(default=list)),
                        ('error_code', models.CharField(blank=True, max_length=40)),
                        ('error', models.TextField(blank=True)),
                        ('protocol', models.CharField(blank=True, max_length=16)),
                        ('tls_version', models.CharField(blank=True, max_length=16)),
                        ('duration_ms', models.FloatField(null=True)),
                        ('response_ms', models.FloatField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('started_at', models.DateTimeField(null=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('key', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='mcp.serverkey')),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='mcp.mcpserver')),
                        ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['server', '-id'], name='run_by_server')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['waiting', 'running'])), fields=('server', 'purpose'), name='run_one_under_way')],
                    },
                ),
                migrations.CreateModel(
                    name='ServerBook',
                    fields=[
                        ('organization_id', models.UUIDField(primary_key=True, serialize=False)),
                        ('generation', models.BigIntegerField(default=1)),
                    ],
                ),
                migrations.CreateModel(
                    name='ServerRate',
                    fields=[
                        ('server', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='rate', serialize=False, to='mcp.mcpserver')),
                        ('minute', models.DateTimeField()),
                        ('used', models.IntegerField(default=0)),
                    ],
                ),
                migrations.CreateModel(
                    name='Offering',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(choices=[('instructions', 'Instructions'), ('resource', 'Resource'), ('prompt', 'Prompt')], max_length=16)),
                        ('name', models.TextField()),
                        ('definition', models.JSONField()),
                        ('definition_digest', models.BinaryField(max_length=32)),
                        ('offered', models.JSONField(null=True)),
                        ('drift', models.JSONField(default=list)),
                        ('severity', models.CharField(blank=True, max_length=16)),
                        ('present', models.BooleanField(default=True)),
                        ('first_seen_at', models.DateTimeField(auto_now_add=True)),
                        ('last_seen_at', models.DateTimeField()),
                        ('server', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offerings', to='mcp.mcpserver')),
                    ],
                    options={
                        'ordering': ['kind', 'name'],
                        'constraints': [models.UniqueConstraint(models.F('server'), models.F('kind'), django.db.models.functions.text.MD5('name'), name='offering_once_per_server')],
                    },
                ),
                migrations.CreateModel(
                    name='AgentToolUse',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('agent_id', models.UUIDField()),
                        ('requests', models.PositiveIntegerField(default=0)),
                        ('approved', models.PositiveIntegerField(default=0)),
                        ('last_at', models.DateTimeField()),
                        ('tool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='mcp.tool')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('agent_id', 'tool'), name='agent_tool_use_once')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(decisions.BOOK, decisions.NO_BOOK),
        migrations.RunSQL(decisions.ADMIT, 'DROP FUNCTION mcp_admit'),
    ]
