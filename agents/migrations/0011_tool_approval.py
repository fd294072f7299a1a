"""A tool says whether a person agrees to its calls first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0010_autovacuum")]

    operations = [
        migrations.AddField(
            model_name="tool",
            name="approval",
            field=models.CharField(
                db_default="never",
                default="never",
                help_text="whether a person agrees to calls first: always, never, or a condition on their arguments",
                max_length=2000,
            ),
        ),
    ]
