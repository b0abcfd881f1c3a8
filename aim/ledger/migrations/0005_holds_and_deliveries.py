import aim.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_seals")]

    operations = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=aim.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField(null=True)),
                ("reason", models.TextField()),
                ("placed_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("channel", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
            ],
            options={"ordering": ["channel"], "verbose_name_plural": "deliveries"},
        ),
    ]
