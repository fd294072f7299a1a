"""Runs know the span that started them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0016_acting_on_runs")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="traceparent",
            field=models.CharField(
                help_text="the span that started it, as W3C Trace Context writes it, if that is traced",
                max_length=64,
                null=True,
            ),
        ),
    ]
