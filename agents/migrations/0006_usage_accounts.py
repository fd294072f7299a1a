"""Rows of model usage become accounts. A release that knows nothing of this writes rows that are settled and not folded."""

from django.db import migrations, models


def _id(name: str) -> migrations.AddField:
    return migrations.AddField(model_name="modelusage", name=name, field=models.UUIDField(null=True))


class Migration(migrations.Migration):
    dependencies = [("agents", "0005_metadata_indexes")]

    operations = [
        *map(_id, ("project_id", "agent_id", "task_id", "session_id", "execution_id", "key_id")),
        migrations.AddField(
            model_name="modelusage",
            name="folded",
            field=models.BooleanField(db_default=False, default=False, help_text="counted in the totals of its day"),
        ),
        migrations.AddField(
            model_name="modelusage",
            name="reserved",
            field=models.DecimalField(
                decimal_places=9, help_text="US dollars set aside before the call", max_digits=18, null=True
            ),
        ),
        migrations.AddField(
            model_name="modelusage",
            name="state",
            field=models.CharField(
                choices=[
                    ("reserved", "under way; an amount is set aside for it"),
                    ("settled", "it is known what the call used"),
                    ("unknown", "whoever made the call was lost; what it used is not known"),
                ],
                db_default="settled",
                default="settled",
                max_length=8,
            ),
        ),
    ]
