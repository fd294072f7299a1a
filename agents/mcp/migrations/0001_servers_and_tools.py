"""What is known of MCP servers and their tools."""

import django.db.models.deletion
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0012_mcp_tools"),
    ]

    operations = [
        migrations.CreateModel(
            name="McpServer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("definition", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=40)),
                ("place", models.CharField(blank=True, default="", max_length=255)),
                ("transport", models.CharField(max_length=8)),
                ("protocol", models.CharField(blank=True, default="", max_length=32)),
                ("server_info", models.JSONField(blank=True, default=dict)),
                ("listed_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.TextField(blank=True, default="")),
                (
                    "left_out",
                    models.JSONField(blank=True, default=list, help_text="tools that cannot be used, and why"),
                ),
                (
                    "agent",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.agent"),
                ),
                (
                    "developer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
                    ),
                ),
                (
                    "tool",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mcp_server",
                        to="agents.tool",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="McpTool",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("name", models.CharField(max_length=128)),
                ("description", models.TextField(blank=True, default="")),
                ("input_schema", models.JSONField(default=dict)),
                ("output_schema", models.JSONField(blank=True, null=True)),
                ("annotations", models.JSONField(blank=True, default=dict)),
                ("hash", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("accepted", "as it was accepted"),
                            ("changed", "the server describes it otherwise now"),
                            ("new", "found later, and not accepted yet"),
                            ("gone", "the server does not list it any more"),
                        ],
                        max_length=8,
                    ),
                ),
                ("found", models.JSONField(blank=True, null=True)),
                (
                    "developer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tools", to="mcp_client.mcpserver"
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="mcpserver",
            index=models.Index(fields=["developer", "-created_at", "-id"], name="mcp_server_of_developer"),
        ),
        migrations.AddConstraint(
            model_name="mcpserver",
            constraint=models.UniqueConstraint(
                condition=models.Q(("tool__isnull", True)),
                fields=("agent", "definition"),
                name="mcp_server_of_definition",
            ),
        ),
        migrations.AddConstraint(
            model_name="mcptool",
            constraint=models.UniqueConstraint(fields=("server", "name"), name="mcp_tool_name_unique"),
        ),
        migrations.AddConstraint(
            model_name="mcptool",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["accepted", "changed", "new", "gone"])), name="mcp_tool_state_known"
            ),
        ),
    ]
