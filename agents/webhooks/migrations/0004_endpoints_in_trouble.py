"""Finds the few endpoints that something is wrong with. The index is built while rows are written; what a build that was
interrupted left behind is no use, and goes first."""

from django.db import migrations, models

_DROP = "DROP INDEX CONCURRENTLY IF EXISTS endpoint_in_trouble"
_MAKE = "CREATE INDEX CONCURRENTLY endpoint_in_trouble ON webhooks_endpoint (id) WHERE failures > 0 OR is_full"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("webhooks", "0003_leased_deliveries")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [
                migrations.AddIndex(
                    "endpoint",
                    models.Index(
                        fields=["id"],
                        condition=models.Q(failures__gt=0) | models.Q(is_full=True),
                        name="endpoint_in_trouble",
                    ),
                )
            ],
        )
    ]
