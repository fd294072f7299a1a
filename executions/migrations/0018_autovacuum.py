"""Tables of runs are vacuumed and analysed early."""

from django.db import migrations

from julep_project.core.autovacuum import APPENDED, CHANGED, look_after


class Migration(migrations.Migration):
    dependencies = [("executions", "0017_traceparent")]

    operations = [
        look_after(["executions_execution", "executions_branch"], CHANGED),
        look_after(["executions_transition", "executions_loopitem"], APPENDED),
    ]
