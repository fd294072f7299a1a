"""Usage days added up by task, agent and model, kept in step by the database: workers of the version before fold too.

The triggers come first. What makes them holds off whoever folds until all is committed, so nothing is added meanwhile.
"""

import django.db.models.deletion
from django.db import migrations, models

_KEY = "developer_id, day, model, custom_api_used, project_id, agent_id, task_id"
_SUMS = ("calls", "unpriced", "prompt_tokens", "completion_tokens", "cost")
_ADDED = f"""
    INSERT INTO spending_taskusageday AS s ({_KEY}, {", ".join(_SUMS)})
    SELECT {_KEY}, {", ".join(f"sum({name})" for name in _SUMS)} FROM ({{source}}) AS changed
    GROUP BY {_KEY} ORDER BY {_KEY}
    ON CONFLICT ({_KEY}) DO UPDATE SET {", ".join(f"{name} = s.{name} + excluded.{name}" for name in _SUMS)}
"""
_GONE = f"SELECT {_KEY}, {', '.join(f'-{name} AS {name}' for name in _SUMS)} FROM gone"
_CHANGED = f"SELECT {_KEY}, {', '.join(_SUMS)} FROM added UNION ALL {_GONE}"
# A developer goes with all of them, and nothing may be added to what has none.
_REMOVED = f"""
    UPDATE spending_taskusageday s SET {", ".join(f"{name} = s.{name} + c.{name}" for name in _SUMS)}
    FROM (SELECT {_KEY}, {", ".join(f"sum({name}) AS {name}" for name in _SUMS)} FROM ({_GONE}) AS changed
          GROUP BY {_KEY}) AS c
    WHERE s.developer_id = c.developer_id AND s.day = c.day AND s.model = c.model
      AND s.custom_api_used = c.custom_api_used AND s.project_id IS NOT DISTINCT FROM c.project_id
      AND s.agent_id IS NOT DISTINCT FROM c.agent_id AND s.task_id IS NOT DISTINCT FROM c.task_id
"""
_TRIGGERS = {
    "insert": ("REFERENCING NEW TABLE AS added", _ADDED.format(source="TABLE added")),
    "update": ("REFERENCING OLD TABLE AS gone NEW TABLE AS added", _ADDED.format(source=_CHANGED)),
    "delete": ("REFERENCING OLD TABLE AS gone", _REMOVED),
}
_CREATE = "".join(
    f"""
    CREATE FUNCTION usage_day_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN {statement}; RETURN NULL; END $$;
    CREATE TRIGGER usage_day_{event} AFTER {event.upper()} ON spending_usageday {tables}
        FOR EACH STATEMENT EXECUTE FUNCTION usage_day_{event}();
    """
    for event, (tables, statement) in _TRIGGERS.items()
)
_FILL = _ADDED.format(source="TABLE spending_usageday")
_DROP = "".join(
    f"DROP TRIGGER usage_day_{event} ON spending_usageday; DROP FUNCTION usage_day_{event}();" for event in _TRIGGERS
)


class Migration(migrations.Migration):
    dependencies = [
        ("spending", "0001_limits_and_days"),
    ]

    operations = [
        migrations.CreateModel(
            name="TaskUsageDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="of UTC")),
                ("model", models.CharField(max_length=255)),
                ("custom_api_used", models.BooleanField()),
                ("project_id", models.UUIDField(null=True)),
                ("agent_id", models.UUIDField(null=True)),
                ("task_id", models.UUIDField(null=True)),
                ("calls", models.BigIntegerField()),
                ("unpriced", models.BigIntegerField(help_text="calls whose price is not known")),
                ("prompt_tokens", models.BigIntegerField()),
                ("completion_tokens", models.BigIntegerField()),
                ("cost", models.DecimalField(decimal_places=9, help_text="US dollars", max_digits=18)),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
            ],
            options={
                "ordering": ("-day", "id"),
            },
        ),
        migrations.AddConstraint(
            model_name="taskusageday",
            constraint=models.UniqueConstraint(
                fields=("developer", "day", "model", "custom_api_used", "project_id", "agent_id", "task_id"),
                name="task_usage_day_unique",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(model_name="taskusageday", index=models.Index(fields=["day"], name="task_usage_of_day")),
        migrations.RunSQL(_CREATE + _FILL, _DROP),
    ]
