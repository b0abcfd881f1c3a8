from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0017_idempotency_keys")]

    operations = [
        migrations.AddIndex(
            model_name="challenge",
            index=models.Index(
                condition=models.Q(("asked_at", None), ("used_at", None)), fields=["expires_at"], name="challenge_waiting"
            ),
        ),
    ]
