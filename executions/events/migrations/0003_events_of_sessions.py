"""Events that models record in chats are of their sessions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_database_cascades")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="source",
            field=models.CharField(
                choices=[("client", "Client"), ("hook", "Hook"), ("step", "Step"), ("session", "Session")], max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="source_id",
            field=models.CharField(
                blank=True, help_text="the API key, the hook, the run or the session", max_length=64
            ),
        ),
    ]
