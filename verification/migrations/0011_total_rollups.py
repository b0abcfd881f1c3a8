import django.contrib.postgres.fields
from django.db import migrations, models

# The follower is kept where it is until both tables stand together, so that no decision is counted in one alone.
HOLD = "SELECT FROM ledger_follower WHERE name = 'statistics' FOR UPDATE"
FILL = """
INSERT INTO verification_totalrollup
    (organization_id, granularity, period, action_type, status, code, count, duration_us, latency)
SELECT organization_id, granularity, period, action_type, status, code, sum(count), sum(duration_us), array[{sums}]
FROM verification_rollup GROUP BY 1, 2, 3, 4, 5, 6
""".format(sums=", ".join(f"coalesce(sum(latency[{place}]), 0)::int" for place in range(1, 36)))


class Migration(migrations.Migration):

    dependencies = [
        ('verification', '0010_settings_proposals'),
        ('ledger', '0003_leaves_and_followers'),
    ]

    operations = [
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
        # Rows are counted up in place, which needs room on their page.
        migrations.RunSQL("ALTER TABLE verification_totalrollup SET (fillfactor = 60)", migrations.RunSQL.noop),
        migrations.RunSQL(HOLD, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
