from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0014_tallies")]

    operations = [
        migrations.AddIndex(
            model_name="publickey",
            index=models.Index(condition=models.Q(("status", "proved")), fields=["id"], name="public_key_proved"),
        ),
    ]
