from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operating", "0001_marks")]

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        editable=False, help_text="another one after each start", primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("queues", ArrayField(base_field=models.CharField(max_length=64), size=None)),
                ("release", models.CharField(max_length=64)),
                ("pid", models.PositiveIntegerField()),
                ("begun_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("draining_since", models.DateTimeField(null=True)),
                ("drain_asked_at", models.DateTimeField(null=True)),
                ("drain_asked_by", models.CharField(blank=True, db_default="", max_length=255)),
            ],
        ),
    ]
