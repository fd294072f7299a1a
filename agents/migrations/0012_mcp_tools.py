"""Tools of a kind that is called through MCP servers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0011_tool_approval"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="tool",
            name="tool_type_known",
        ),
        migrations.AlterField(
            model_name="tool",
            name="type",
            field=models.CharField(
                choices=[
                    ("function", "Function"),
                    ("integration", "Integration"),
                    ("system", "System"),
                    ("api_call", "Api Call"),
                    ("mcp", "Mcp"),
                    ("computer_20241022", "Computer"),
                    ("text_editor_20241022", "Text Editor"),
                    ("bash_20241022", "Bash"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="tool",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "type__in",
                        [
                            "function",
                            "integration",
                            "system",
                            "api_call",
                            "mcp",
                            "computer_20241022",
                            "text_editor_20241022",
                            "bash_20241022",
                        ],
                    )
                ),
                name="tool_type_known",
            ),
        ),
    ]
