from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_challenge_steps")]

    operations = [
        migrations.AddIndex(
            model_name="agent",
            index=models.Index(fields=["organization", "version", "id"], name="agent_by_version"),
        ),
    ]
