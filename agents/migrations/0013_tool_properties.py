"""A tool says what its calls do, how long they may take, and how many there may be."""

from django.db import migrations, models
from django.db.models import Q

_EFFECTS = ["reads", "changes", "dangerous"]


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_mcp_tools")]

    operations = [
        migrations.AddField(
            model_name="tool",
            name="effect",
            field=models.CharField(blank=True, choices=[(each, each) for each in _EFFECTS], max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="tool",
            name="timeout",
            field=models.FloatField(blank=True, help_text="seconds that a call may take", null=True),
        ),
        migrations.AddField(
            model_name="tool",
            name="rate",
            field=models.JSONField(blank=True, help_text="how many calls may be made in a period", null=True),
        ),
        migrations.AddConstraint(
            model_name="tool",
            constraint=models.CheckConstraint(condition=Q(("effect__in", _EFFECTS)), name="tool_effect_known"),
        ),
    ]
