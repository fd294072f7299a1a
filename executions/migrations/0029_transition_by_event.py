"""Finds which runs went on with an event. The index is built while rows are written; what a build that was interrupted
left behind is no use, and goes first."""

from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform

_DROP = "DROP INDEX CONCURRENTLY IF EXISTS transition_by_event"
_MAKE = """
    CREATE INDEX CONCURRENTLY transition_by_event
    ON executions_transition ((metadata ->> 'event'), id) WHERE type = 'resume' AND metadata ? 'event'
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0025_transition_of_event")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [
                migrations.AddIndex(
                    "transition",
                    models.Index(
                        KeyTextTransform("event", "metadata"),
                        models.F("id"),
                        condition=models.Q(("metadata__has_key", "event"), ("type", "resume")),
                        name="transition_by_event",
                    ),
                )
            ],
        )
    ]
