"""Deleting a developer takes its records along in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("calls", "0001_calls")]

    operations = [cascade_in_database(["calls_call", "calls_calltext"], ["agents_developer"])]
