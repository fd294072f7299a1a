"""How long each content outside the database is, so that outputs can be measured without reading them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0006_fewer_indexes")]

    operations = [migrations.AddField("blob", "size", models.BigIntegerField(db_default=0, help_text="bytes"))]
