import aim.ids
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from aim.schema import Together


class Migration(migrations.Migration):

    replaces = [
        ('accounts', '0002_second_person'),
        ('accounts', '0003_sign_in'),
        ('accounts', '0004_logo_digest'),
        ('accounts', '0005_membership_alert_choices'),
        ('accounts', '0006_notifications'),
        ('accounts', '0007_saved_views'),
        ('accounts', '0008_welcome_tour'),
        ('accounts', '0009_alert_webhook'),
    ]

    dependencies = [
        ('accounts', '0001_initial'),
        ('mail', '0001_initial'),
        # Django renders all related models again after each operation of these: they go before there are many.
        ('account', '0009_emailaddress_unique_primary_email'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('mfa', '0003_authenticator_type_uniq'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
    ]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name='organization',
                    name='policy_changes_need_second_person',
                    field=models.BooleanField(default=False),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='second_person_release_proposed_by',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='alert_preferences',
                    field=models.JSONField(default=dict),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='allowed_domains',
                    field=models.JSONField(default=list),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='second_factor_required',
                    field=models.BooleanField(default=False),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='session_hours',
                    field=models.PositiveSmallIntegerField(default=12),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='sso_only',
                    field=models.BooleanField(default=False),
                ),
                migrations.AddField(
                    model_name='organization',
                    name='logo_digest',
                    field=models.CharField(blank=True, max_length=64),
                ),
                migrations.AddField(
                    model_name='user',
                    name='failed_attempts',
                    field=models.PositiveIntegerField(default=0),
                ),
                migrations.AddField(
                    model_name='user',
                    name='locked_until',
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name='user',
                    name='tour_shown_at',
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name='user',
                    name='tour_step',
                    field=models.PositiveSmallIntegerField(default=1),
                ),
                migrations.AddField(
                    model_name='membership',
                    name='alert_choices',
                    field=models.JSONField(default=dict),
                ),
                migrations.CreateModel(
                    name='OrganizationLogo',
                    fields=[
                        ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='logo', serialize=False, to='accounts.organization')),
                        ('content', models.BinaryField(max_length=1048576)),
                        ('digest', models.CharField(max_length=64)),
                        ('width', models.PositiveSmallIntegerField()),
                        ('height', models.PositiveSmallIntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name='UserSession',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('method', models.CharField(choices=[('password', 'Password'), ('passkey', 'Passkey'), ('google', 'Google'), ('microsoft', 'Microsoft'), ('oidc', 'Oidc')], max_length=16)),
                        ('second_factor', models.CharField(blank=True, max_length=16)),
                        ('started_at', models.DateTimeField()),
                        ('seen_at', models.DateTimeField()),
                        ('proved_at', models.DateTimeField()),
                        ('address', models.GenericIPAddressField(null=True)),
                        ('user_agent', models.CharField(blank=True, max_length=300)),
                        ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='accounts.membership')),
                    ],
                ),
                migrations.CreateModel(
                    name='Invitation',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('email', models.EmailField(max_length=254)),
                        ('role', models.CharField(choices=[('admin', 'Admin'), ('manager', 'Manager'), ('member', 'Member'), ('viewer', 'Viewer')], max_length=16)),
                        ('message', models.TextField(blank=True)),
                        ('digest', models.BinaryField(max_length=32, unique=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('expires_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(null=True)),
                        ('revoked_at', models.DateTimeField(null=True)),
                        ('accepted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.membership')),
                        ('mail', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mail.outgoingmail')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.organization')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('email'), condition=models.Q(('accepted_at', None), ('revoked_at', None)), name='invitation_open_once_per_address')],
                    },
                ),
                migrations.CreateModel(
                    name='Notification',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(max_length=64)),
                        ('topic', models.CharField(max_length=128)),
                        ('entry_id', models.UUIDField()),
                        ('seq', models.BigIntegerField()),
                        ('text', models.CharField(max_length=500)),
                        ('path', models.CharField(max_length=300)),
                        ('count', models.PositiveIntegerField(default=1)),
                        ('happened_at', models.DateTimeField()),
                        ('read_at', models.DateTimeField(null=True)),
                        ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='accounts.membership')),
                    ],
                    options={
                        'ordering': ['-id'],
                        'indexes': [models.Index(fields=['membership', '-id'], name='notification_by_person'), models.Index(condition=models.Q(('read_at', None)), fields=['membership', '-id'], name='notification_unread'), models.Index(fields=['-seq'], name='notification_by_seq'), models.Index(fields=['entry_id'], name='notification_by_entry'), models.Index(fields=['happened_at'], name='notification_by_age')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('read_at', None)), fields=('topic', 'kind', 'membership'), name='notification_one_unread_a_topic')],
                    },
                ),
                migrations.CreateModel(
                    name='SavedView',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('list_name', models.CharField(max_length=40)),
                        ('name', models.CharField(max_length=80)),
                        ('query', models.TextField(blank=True)),
                        ('columns', models.JSONField(default=list)),
                        ('shared', models.BooleanField(default=False)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('updated_at', models.DateTimeField(auto_now=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to='accounts.organization')),
                        ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='saved_views', to='accounts.membership')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(models.F('owner'), models.F('list_name'), django.db.models.functions.text.Lower('name'), name='saved_view_name_once_per_person')],
                    },
                ),
                migrations.CreateModel(
                    name='ListPreference',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('list_name', models.CharField(max_length=40)),
                        ('columns', models.JSONField(null=True)),
                        ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='list_preferences', to='accounts.membership')),
                        ('default_view', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.savedview')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('membership', 'list_name'), name='list_preference_once_per_person')],
                    },
                ),
                migrations.CreateModel(
                    name='AlertWebhook',
                    fields=[
                        ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='alert_webhook', serialize=False, to='accounts.organization')),
                        ('url', models.CharField(max_length=500)),
                        ('secret', models.BinaryField()),
                        ('kinds', models.JSONField(default=list)),
                        ('changed_at', models.DateTimeField(auto_now=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='AlertCall',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(max_length=40)),
                        ('body', models.JSONField()),
                        ('once', models.CharField(max_length=32, null=True)),
                        ('status', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('failed', 'Failed')], default='waiting', max_length=16)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('next_try_at', models.DateTimeField()),
                        ('error', models.CharField(blank=True, max_length=300)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('sent_at', models.DateTimeField(null=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('status', 'waiting')), fields=['next_try_at'], name='alert_call_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('organization', 'once'), name='alert_call_once_an_entry')],
                    },
                ),
            ],
        ),
    ]
