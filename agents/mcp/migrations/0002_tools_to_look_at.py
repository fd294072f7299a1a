"""Finds the servers somebody has to look at. The index is built while rows are written; what a build that was
interrupted left behind is no use, and goes first."""

from django.db import migrations, models

_DROP = "DROP INDEX CONCURRENTLY IF EXISTS mcp_tool_to_look_at"
_MAKE = (
    "CREATE INDEX CONCURRENTLY mcp_tool_to_look_at ON mcp_client_mcptool (server_id) WHERE state IN ('changed', 'new')"
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("mcp_client", "0001_servers_and_tools")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [
                migrations.AddIndex(
                    "mcptool",
                    models.Index(
                        fields=["server"], condition=models.Q(state__in=["changed", "new"]), name="mcp_tool_to_look_at"
                    ),
                )
            ],
        )
    ]
