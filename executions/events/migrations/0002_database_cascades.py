"""Events go with their developers, and waits for them with their runs, in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("events", "0001_events"), ("executions", "0024_event_waits")]

    operations = [
        cascade_in_database(["events_event"], ["agents_developer"]),
        cascade_in_database(
            ["executions_eventwait"], ["executions_branch", "executions_execution", "agents_developer"]
        ),
    ]
