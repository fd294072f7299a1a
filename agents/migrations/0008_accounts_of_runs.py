"""Finds the accounts of a run or a session, for who looks at what it used; built while rows are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("agents", "0007_usage_indexes")]

    operations = [
        AddIndexConcurrently(
            "modelusage",
            models.Index(fields=["execution_id"], name="account_of_execution", condition=Q(execution_id__isnull=False)),
        ),
        AddIndexConcurrently(
            "modelusage",
            models.Index(fields=["session_id"], name="account_of_session", condition=Q(session_id__isnull=False)),
        ),
    ]
