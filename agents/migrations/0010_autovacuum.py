"""Accounts of calls are vacuumed and analysed early: each is written, settled and folded."""

from django.db import migrations

from julep_project.core.autovacuum import CHANGED, look_after


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_one_index_fewer")]

    operations = [look_after(["agents_modelusage"], CHANGED)]
