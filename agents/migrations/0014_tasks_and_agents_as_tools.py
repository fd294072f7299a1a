"""Tools that are other tasks and other agents."""

from django.db import migrations, models

_TYPES = [
    ("function", "Function"),
    ("integration", "Integration"),
    ("system", "System"),
    ("api_call", "Api Call"),
    ("mcp", "Mcp"),
    ("task", "Task"),
    ("agent", "Agent"),
    ("computer_20241022", "Computer"),
    ("text_editor_20241022", "Text Editor"),
    ("bash_20241022", "Bash"),
]


class Migration(migrations.Migration):
    dependencies = [("agents", "0013_tool_properties")]

    operations = [
        migrations.RemoveConstraint(model_name="tool", name="tool_type_known"),
        migrations.AlterField(model_name="tool", name="type", field=models.CharField(choices=_TYPES, max_length=32)),
        migrations.AddConstraint(
            model_name="tool",
            constraint=models.CheckConstraint(
                condition=models.Q(("type__in", [name for name, _ in _TYPES])), name="tool_type_known"
            ),
        ),
    ]
