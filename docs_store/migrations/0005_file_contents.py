"""Contents of files are known by rows of their own, which are there before the content."""

from django.db import migrations, models

import julep_project.core.clock


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0004_embedding_versions")]

    operations = [
        migrations.CreateModel(
            name="FileContent",
            fields=[
                ("file_id", models.UUIDField(primary_key=True, serialize=False)),
                ("developer_id", models.UUIDField()),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
            ],
        ),
    ]
