"""Finds the calls that failed; built while records are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("calls", "0002_database_cascades")]

    operations = [
        AddIndexConcurrently("call", models.Index(fields=["-id"], name="call_failed", condition=Q(status="failed"))),
    ]
