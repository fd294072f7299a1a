"""Finds which events a run has taken. The index is built while rows are written; what a build that was interrupted left
behind is no use, and goes first."""

from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform

_DROP = "DROP INDEX CONCURRENTLY IF EXISTS transition_of_event"
_MAKE = """
    CREATE INDEX CONCURRENTLY transition_of_event
    ON executions_transition (execution_id, (metadata ->> 'event')) WHERE type = 'resume' AND metadata ? 'event'
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0024_event_waits")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [
                migrations.AddIndex(
                    "transition",
                    models.Index(
                        models.F("execution"),
                        KeyTextTransform("event", "metadata"),
                        condition=models.Q(("metadata__has_key", "event"), ("type", "resume")),
                        name="transition_of_event",
                    ),
                )
            ],
        )
    ]
