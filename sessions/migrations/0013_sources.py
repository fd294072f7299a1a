"""A session says where the content comes from that its messages may depend on; of one that is there it is not known."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0012_told_by_webhooks")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                editable=False,
                help_text="where the content comes from that its messages may depend on; empty: it is not known",
                null=True,
                size=None,
            ),
        ),
        # Apart, so that rows that are there, and those of processes of the version before, say nothing.
        migrations.AlterField(
            model_name="session",
            name="sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                default=list,
                editable=False,
                help_text="where the content comes from that its messages may depend on; empty: it is not known",
                null=True,
                size=None,
            ),
        ),
    ]
