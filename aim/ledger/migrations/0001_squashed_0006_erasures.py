from importlib import import_module

import aim.ids
import django.db.models.functions.datetime
from django.db import migrations, models

from aim.schema import Together

# What is SQL stands where it was first written.
entries = import_module('aim.ledger.migrations.0001_initial')
disclosures = import_module('aim.ledger.migrations.0002_disclosures')
leaves = import_module('aim.ledger.migrations.0003_leaves_and_followers')
seals = import_module('aim.ledger.migrations.0004_seals')


class Migration(migrations.Migration):

    replaces = [
        ('ledger', '0001_initial'),
        ('ledger', '0002_disclosures'),
        ('ledger', '0003_leaves_and_followers'),
        ('ledger', '0004_seals'),
        ('ledger', '0005_holds_and_deliveries'),
        ('ledger', '0006_erasures'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(entries.TABLE, 'DROP TABLE ledger_entry'),
                migrations.RunSQL(entries.PROTECTION, 'DROP FUNCTION ledger_refuse CASCADE'),
                migrations.RunSQL(entries.PARTITIONS, 'DROP FUNCTION aim_ensure_partitions; DROP FUNCTION aim_month_floor'),
                migrations.RunSQL(disclosures.TABLE, disclosures.BACK),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Entry',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField(null=True)),
                        ('kind', models.CharField(max_length=100)),
                        ('subject_id', models.UUIDField(null=True)),
                        ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('body', models.BinaryField()),
                        ('disclosures', models.BinaryField(null=True)),
                    ],
                    options={
                        'verbose_name_plural': 'entries',
                        'ordering': ['-id'],
                    },
                ),
            ],
        ),
        Together(
            [
                migrations.CreateModel(
                    name='Leaf',
                    fields=[
                        ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('entry_id', models.UUIDField(unique=True)),
                        ('leaf', models.BinaryField(max_length=32)),
                    ],
                    options={
                        'ordering': ['seq'],
                        'verbose_name_plural': 'leaves',
                    },
                ),
                migrations.CreateModel(
                    name='Follower',
                    fields=[
                        ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ('seq', models.BigIntegerField(default=-1)),
                        ('updated_at', models.DateTimeField(null=True)),
                        ('stopped_at', models.DateTimeField(null=True)),
                        ('error', models.TextField(blank=True)),
                        ('erased_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['name'],
                    },
                ),
                migrations.CreateModel(
                    name='SealKey',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=300)),
                        ('public_key', models.BinaryField(max_length=32, unique=True)),
                        ('private_key', models.BinaryField(null=True)),
                        ('created_at', models.DateTimeField()),
                        ('retired_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['id'],
                    },
                ),
                migrations.CreateModel(
                    name='Tile',
                    fields=[
                        ('pk', models.CompositePrimaryKey('level', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('level', models.SmallIntegerField()),
                        ('number', models.BigIntegerField()),
                        ('hashes', models.BinaryField(max_length=8192)),
                        ('root', models.BinaryField(max_length=32)),
                    ],
                    options={
                        'ordering': ['level', 'number'],
                    },
                ),
                migrations.CreateModel(
                    name='Checkpoint',
                    fields=[
                        ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('size', models.BigIntegerField()),
                        ('root', models.BinaryField(max_length=32)),
                        ('signed_at', models.DateTimeField()),
                        ('note', models.TextField()),
                    ],
                    options={
                        'ordering': ['number'],
                    },
                ),
                migrations.CreateModel(
                    name='Hold',
                    fields=[
                        ('id', models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                        ('organization_id', models.UUIDField(null=True)),
                        ('reason', models.TextField()),
                        ('placed_at', models.DateTimeField()),
                        ('lifted_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'ordering': ['id'],
                    },
                ),
                migrations.CreateModel(
                    name='Delivery',
                    fields=[
                        ('channel', models.CharField(max_length=20, primary_key=True, serialize=False)),
                        ('number', models.BigIntegerField(default=0)),
                        ('delivered_at', models.DateTimeField(null=True)),
                        ('failed_at', models.DateTimeField(null=True)),
                        ('failures', models.PositiveIntegerField(default=0)),
                        ('error', models.TextField(blank=True)),
                    ],
                    options={
                        'ordering': ['channel'],
                        'verbose_name_plural': 'deliveries',
                    },
                ),
            ],
        ),
        migrations.RunSQL(leaves.PROTECTION, 'DROP FUNCTION ledger_leaf_refuse CASCADE'),
        migrations.RunSQL(seals.PROTECTION, 'DROP FUNCTION ledger_seal_refuse CASCADE'),
    ]
