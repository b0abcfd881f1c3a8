from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_standings")]

    operations = [
        migrations.AddField(model_name="challenge", name="steps", field=models.JSONField(default=list)),
        migrations.AddField(
            model_name="challenge",
            name="error_code",
            field=models.CharField(blank=True, default="", max_length=40),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="challenge",
            name="error",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(model_name="challenge", name="asked_at", field=models.DateTimeField(null=True)),
    ]
