from importlib import import_module

import aim.ids
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from aim.schema import Together

# What is SQL stands where it was first written.
decisions = import_module('verification.migrations.0001_initial')
admission = import_module('verification.migrations.0002_admission')
policy_versions = import_module('verification.migrations.0004_policy_versions_do_not_change')


class Migration(migrations.Migration):

    replaces = [
        ('verification', '0001_initial'),
        ('verification', '0002_admission'),
        ('verification', '0003_policies'),
        ('verification', '0004_policy_versions_do_not_change'),
        ('verification', '0005_rollups'),
        ('verification', '0006_approvals'),
        ('verification', '0007_documents'),
        ('verification', '0008_behaviour'),
        ('verification', '0009_policy_matches'),
        ('verification', '0010_settings_proposals'),
        ('verification', '0011_total_rollups'),
        ('verification', '0012_classified_decisions'),
        ('verification', '0013_classified_by_one_decision'),
    ]

    initial = True

    dependencies = [
        ('accounts', '0009_alert_webhook'),
        ('agents', '0017_idempotency_keys'),
        ('ledger', '0006_erasures'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(decisions.TABLE, 'DROP TABLE verification_verification'),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Verification',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('agent_id', models.UUIDField()),
                        ('status', models.CharField(choices=[('approved', 'Approved'), ('pending', 'Pending'), ('denied', 'Denied')], max_length=16)),
                        ('code', models.CharField(blank=True, max_length=40)),
                        ('reason', models.TextField(blank=True)),
                        ('action_type', models.CharField(max_length=100)),
                        ('resource', models.TextField()),
                        ('user_id', models.TextField(blank=True)),
                        ('session_id', models.TextField(blank=True)),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField(null=True)),
                        ('duration_us', models.PositiveIntegerField()),
                        ('request_digest', models.BinaryField(max_length=32)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization_id', '-id'], name='verification_by_organization'), models.Index(fields=['agent_id', '-id'], name='verification_by_agent')],
                    },
                ),
            ],
        ),
        Together(
            [
                migrations.CreateModel(
                    name='Completion',
                    fields=[
                        ('verification_id', models.UUIDField(primary_key=True, serialize=False)),
                        ('agent_id', models.UUIDField()),
                        ('status', models.CharField(choices=[('success', 'Success'), ('failure', 'Failure')], max_length=16)),
                        ('duration_ms', models.PositiveIntegerField()),
                        ('bytes', models.PositiveBigIntegerField(null=True)),
                        ('records', models.PositiveBigIntegerField(null=True)),
                        ('error', models.TextField(blank=True)),
                        ('completed_at', models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name='Nonce',
                    fields=[
                        ('pk', models.CompositePrimaryKey('agent_id', 'digest', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('agent_id', models.UUIDField()),
                        ('digest', models.BinaryField(max_length=16)),
                        ('request_digest', models.BinaryField(max_length=32)),
                        ('verification_id', models.UUIDField()),
                        ('expires_at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['expires_at'], name='nonce_by_expiry')],
                    },
                ),
                migrations.CreateModel(
                    name='Containment',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(choices=[('address', 'Address'), ('user', 'User'), ('session', 'Session'), ('destination', 'Destination'), ('resource', 'Resource')], max_length=16)),
                        ('pattern', models.TextField()),
                        ('reason', models.TextField()),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('lifted_at', models.DateTimeField(null=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='containments', to='accounts.organization')),
                    ],
                ),
                migrations.CreateModel(
                    name='PolicyBook',
                    fields=[
                        ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='policy_book', serialize=False, to='accounts.organization')),
                        ('generation', models.BigIntegerField(default=1)),
                    ],
                ),
                migrations.CreateModel(
                    name='Policy',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=200)),
                        ('proposed_change', models.CharField(blank=True, choices=[('activate', 'Activate'), ('retire', 'Retire')], max_length=16)),
                        ('proposed_version', models.PositiveIntegerField(null=True)),
                        ('proposed_at', models.DateTimeField(null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='accounts.organization')),
                        ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name_plural': 'policies',
                        'constraints': [models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('name'), name='policy_name_once_per_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='PolicyVersion',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('number', models.PositiveIntegerField()),
                        ('state', models.CharField(choices=[('draft', 'Draft'), ('shadow', 'Shadow'), ('active', 'Active'), ('retired', 'Retired')], default='draft', max_length=16)),
                        ('document', models.JSONField()),
                        ('note', models.TextField(blank=True)),
                        ('author_label', models.CharField(max_length=254)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('state_changed_at', models.DateTimeField(auto_now_add=True)),
                        ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='verification.policy')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('policy', 'number'), name='policy_version_number_once'), models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('policy',), name='policy_one_active_version'), models.UniqueConstraint(condition=models.Q(('state', 'shadow')), fields=('policy',), name='policy_one_shadow_version')],
                    },
                ),
                migrations.CreateModel(
                    name='DataClass',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=50)),
                        ('description', models.TextField(blank=True)),
                        ('patterns', models.JSONField(default=list)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='data_classes', to='accounts.organization')),
                    ],
                    options={
                        'verbose_name_plural': 'data classes',
                        'constraints': [models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('name'), name='data_class_name_once_per_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='Rollup',
                    fields=[
                        ('pk', models.CompositePrimaryKey('organization_id', 'granularity', 'period', 'agent_id', 'action_type', 'status', 'code', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('granularity', models.CharField(choices=[('minute', 'Minute'), ('hour', 'Hour'), ('day', 'Day')], max_length=6)),
                        ('period', models.DateTimeField()),
                        ('agent_id', models.UUIDField()),
                        ('action_type', models.CharField(max_length=100)),
                        ('status', models.CharField(choices=[('approved', 'Approved'), ('pending', 'Pending'), ('denied', 'Denied')], max_length=16)),
                        ('code', models.CharField(blank=True, max_length=40)),
                        ('count', models.BigIntegerField()),
                        ('duration_us', models.BigIntegerField()),
                        ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['granularity', 'period'], name='rollup_by_age')],
                    },
                ),
                migrations.CreateModel(
                    name='Approval',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('agent_id', models.UUIDField()),
                        ('action_type', models.CharField(max_length=100)),
                        ('request_digest', models.BinaryField(max_length=32)),
                        ('requirements', models.JSONField()),
                        ('checks', models.JSONField()),
                        ('agents_only', models.BooleanField()),
                        ('status', models.CharField(choices=[('pending', 'Pending'), ('approved', 'Approved'), ('denied', 'Denied'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn'), ('revoked', 'Revoked')], max_length=16)),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('settled_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization_id', '-id'], name='approval_by_organization'), models.Index(fields=['organization_id', 'settled_at'], name='approval_by_settlement'), models.Index(fields=['agent_id', '-id'], name='approval_by_agent'), models.Index(condition=models.Q(('status', 'pending')), fields=['expires_at'], name='approval_pending_by_expiry')],
                    },
                ),
                migrations.CreateModel(
                    name='Deadlock',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('agents', models.JSONField()),
                        ('approvals', models.JSONField()),
                        ('suggested_approval_id', models.UUIDField()),
                        ('suggestion', models.TextField()),
                        ('detected_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('outcome', models.CharField(blank=True, choices=[('resolved', 'Resolved'), ('dissolved', 'Dissolved')], max_length=16)),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization_id', '-id'], name='deadlock_by_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='ApprovalVote',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('voter_kind', models.CharField(max_length=16)),
                        ('voter_id', models.UUIDField()),
                        ('voter_label', models.CharField(max_length=254)),
                        ('agrees', models.BooleanField()),
                        ('mode', models.CharField(choices=[('once', 'Once'), ('for', 'For')], default='once', max_length=8)),
                        ('seconds', models.PositiveIntegerField(null=True)),
                        ('pattern', models.TextField(blank=True)),
                        ('note', models.TextField(blank=True)),
                        ('voted_at', models.DateTimeField()),
                        ('approval', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='verification.approval')),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [models.UniqueConstraint(fields=('approval', 'voter_kind', 'voter_id'), name='approval_vote_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Grant',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('action_type', models.CharField(max_length=100)),
                        ('resource', models.TextField()),
                        ('is_pattern', models.BooleanField()),
                        ('mcp_server', models.TextField(blank=True)),
                        ('tool', models.TextField(blank=True)),
                        ('checks', models.JSONField()),
                        ('covers', models.JSONField()),
                        ('granted_by', models.TextField()),
                        ('created_at', models.DateTimeField()),
                        ('expires_at', models.DateTimeField()),
                        ('revoked_at', models.DateTimeField(null=True)),
                        ('revoke_reason', models.TextField(blank=True)),
                        ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='agents.agent')),
                        ('approval', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='grant', to='verification.approval')),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['organization_id', '-id'], name='grant_by_organization'), models.Index(condition=models.Q(('revoked_at', None)), fields=['agent'], name='grant_standing_by_agent')],
                    },
                ),
                migrations.CreateModel(
                    name='Document',
                    fields=[
                        ('verification_id', models.UUIDField(primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('words', django.contrib.postgres.search.SearchVectorField()),
                    ],
                    options={
                        'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='document_words')],
                    },
                ),
                migrations.CreateModel(
                    name='BehaviourProfile',
                    fields=[
                        ('agent_id', models.UUIDField(primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('version', models.BigIntegerField(default=1)),
                        ('profile', models.JSONField(default=dict)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='VerificationSettings',
                    fields=[
                        ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='verification_settings', serialize=False, to='accounts.organization')),
                        ('anomaly_effect', models.CharField(choices=[('off', 'Off'), ('require_approval', 'Require Approval'), ('deny', 'Deny')], default='require_approval', max_length=20)),
                        ('anomaly_threshold', models.PositiveSmallIntegerField(default=80)),
                        ('proposed', models.JSONField(default=dict)),
                        ('proposed_at', models.DateTimeField(null=True)),
                        ('proposed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name_plural': 'verification settings',
                        'constraints': [models.CheckConstraint(condition=models.Q(('anomaly_threshold__gte', 1), ('anomaly_threshold__lte', 100)), name='anomaly_threshold_in_range')],
                    },
                ),
                migrations.CreateModel(
                    name='PolicyRollup',
                    fields=[
                        ('pk', models.CompositePrimaryKey('policy_id', 'granularity', 'period', 'version', 'shadow', 'effect', 'agent_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('policy_id', models.UUIDField()),
                        ('granularity', models.CharField(choices=[('hour', 'Hour'), ('day', 'Day')], max_length=6)),
                        ('period', models.DateTimeField()),
                        ('version', models.IntegerField()),
                        ('shadow', models.BooleanField()),
                        ('effect', models.CharField(max_length=20)),
                        ('agent_id', models.UUIDField()),
                        ('count', models.BigIntegerField()),
                        ('latest', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['granularity', 'period'], name='policyrollup_by_age')],
                    },
                ),
                migrations.CreateModel(
                    name='TotalRollup',
                    fields=[
                        ('pk', models.CompositePrimaryKey('organization_id', 'granularity', 'period', 'action_type', 'status', 'code', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField()),
                        ('granularity', models.CharField(choices=[('minute', 'Minute'), ('hour', 'Hour'), ('day', 'Day')], max_length=6)),
                        ('period', models.DateTimeField()),
                        ('action_type', models.CharField(max_length=100)),
                        ('status', models.CharField(choices=[('approved', 'Approved'), ('pending', 'Pending'), ('denied', 'Denied')], max_length=16)),
                        ('code', models.CharField(blank=True, max_length=40)),
                        ('count', models.BigIntegerField()),
                        ('duration_us', models.BigIntegerField()),
                        ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['granularity', 'period'], name='totalrollup_by_age')],
                    },
                ),
                migrations.CreateModel(
                    name='ClassifiedDecision',
                    fields=[
                        ('pk', models.CompositePrimaryKey('data_class_id', 'verification_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('data_class_id', models.UUIDField()),
                        ('verification_id', models.UUIDField()),
                    ],
                    options={
                        'indexes': [django.contrib.postgres.indexes.HashIndex(fields=['verification_id'], name='classified_by_one_decision')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(admission.ADMIT, 'DROP FUNCTION verification_admit'),
        migrations.RunSQL(admission.STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(policy_versions.TRIGGER, 'DROP FUNCTION policy_version_refuse CASCADE'),
        # Rows are counted up in place, which needs room on their page.
        migrations.RunSQL('ALTER TABLE verification_rollup SET (fillfactor = 60)', migrations.RunSQL.noop),
        migrations.RunSQL('ALTER TABLE verification_policyrollup SET (fillfactor = 60)', migrations.RunSQL.noop),
        migrations.RunSQL('ALTER TABLE verification_totalrollup SET (fillfactor = 60)', migrations.RunSQL.noop),
    ]
