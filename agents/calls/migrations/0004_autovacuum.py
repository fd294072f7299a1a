"""Records of calls are vacuumed and analysed early."""

from django.db import migrations

from julep_project.core.autovacuum import APPENDED, look_after


class Migration(migrations.Migration):
    dependencies = [("calls", "0003_failed_calls")]

    operations = [look_after(["calls_call", "calls_calltext"], APPENDED)]
