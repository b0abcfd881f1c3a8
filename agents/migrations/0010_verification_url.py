from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_registry_orders")]

    operations = [
        migrations.AddField(
            model_name="agent", name="verification_url", field=models.TextField(blank=True, default=""), preserve_default=False
        ),
    ]
