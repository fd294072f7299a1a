"""A run says which runs and sessions led to it, whose limits count what it costs, too."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0032_sources")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="counts_for",
            field=ArrayField(
                base_field=models.UUIDField(),
                help_text="these runs, and sessions that led to it: its cost counts for them, too",
                null=True,
                size=None,
            ),
        ),
    ]
