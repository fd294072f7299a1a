"""A secret that was replaced counts for a while. A version before this one leaves the columns as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hooks", "0002_database_cascades"),
    ]

    operations = [
        migrations.AddField(
            model_name="hook",
            name="previous_sealed",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="hook",
            name="previous_sealed_with",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.AddField(
            model_name="hook",
            name="previous_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
