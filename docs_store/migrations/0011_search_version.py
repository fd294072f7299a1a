"""Chunks tell how their words were stored, so that those of before can be stored anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0010_leased_rows")]

    operations = [
        migrations.AddField(
            "chunk",
            "search_version",
            models.PositiveSmallIntegerField(default=0, db_default=0, help_text="how `search` was made"),
        ),
    ]
