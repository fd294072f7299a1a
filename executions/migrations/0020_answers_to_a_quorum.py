"""Of those who answer a wait with a quorum each answers once. The index is built while rows are written."""

import django.db.models.fields.json
from django.db import migrations, models

_MAKE = """
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS transition_answer_once
    ON executions_transition (execution_id, (metadata ->> 'wait'), (metadata ->> 'person'))
    WHERE type = 'resume' AND metadata ? 'person'
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0022_forks")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(_MAKE, "DROP INDEX CONCURRENTLY transition_answer_once")],
            [
                migrations.AddConstraint(
                    "transition",
                    models.UniqueConstraint(
                        models.F("execution"),
                        django.db.models.fields.json.KeyTextTransform("wait", "metadata"),
                        django.db.models.fields.json.KeyTextTransform("person", "metadata"),
                        condition=models.Q(("metadata__has_key", "person"), ("type", "resume")),
                        name="transition_answer_once",
                    ),
                )
            ],
        )
    ]
