"""An agent says what may not decide about dangerous calls without a person."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0014_tasks_and_agents_as_tools")]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="policy",
            field=models.JSONField(
                blank=True,
                help_text="what may not decide about dangerous calls without a person; empty: the default",
                null=True,
            ),
        ),
    ]
