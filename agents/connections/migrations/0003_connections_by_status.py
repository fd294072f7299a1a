"""Finds connections by how they stand. The index is built while rows are written; what a build that was
interrupted left behind is no use, and goes first."""

from django.db import migrations, models

_DROP = "DROP INDEX CONCURRENTLY IF EXISTS connection_of_status"
_MAKE = "CREATE INDEX CONCURRENTLY connection_of_status ON connections_connection (status, id)"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("connections", "0002_wanted_scopes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [migrations.AddIndex("connection", models.Index(fields=["status", "id"], name="connection_of_status"))],
        )
    ]
