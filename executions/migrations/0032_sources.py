"""A run says where its input and the answers to its waits come from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0031_called_runs")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="sources",
            field=models.JSONField(
                help_text="where its `input` and the `answers` to its waits come from, if not from users alone",
                null=True,
            ),
        ),
    ]
