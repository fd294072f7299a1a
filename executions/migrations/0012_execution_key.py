"""Runs know the API key they were started with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0011_held_by_developer")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="key_id",
            field=models.UUIDField(help_text="the API key it was started with: its calls count for that", null=True),
        ),
    ]
