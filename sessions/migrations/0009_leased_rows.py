"""Rows of jobs, responses and turns are leased in one way: fenced by a version, found by tenant and time.

Indexes are built and dropped while rows are written.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

from julep_project.core.clock import DatabaseNow


def _version(model: str) -> migrations.AddField:
    field = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    return migrations.AddField(model_name=model, name="version", field=field)


def _lease(model: str) -> migrations.AlterField:
    field = models.DateTimeField(editable=False, null=True)
    return migrations.AlterField(model_name=model, name="lease_until", field=field)


def _queued(model: str) -> list[migrations.operations.base.Operation]:
    attempts = models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count")
    due_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    return [
        _version(model),
        _lease(model),
        migrations.AlterField(model_name=model, name="attempts", field=attempts),
        migrations.AddField(model_name=model, name="due_at", field=due_at),
        migrations.AddField(model_name=model, name="rung_at", field=models.DateTimeField(editable=False, null=True)),
    ]


def _index(name: str, **condition: tuple[str, ...]) -> models.Index:
    return models.Index(fields=["developer", "due_at"], condition=Q(**condition), name=name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat_sessions", "0008_metadata_index")]

    operations = [
        _version("turn"),
        _lease("turn"),
        *_queued("job"),
        *_queued("storedresponse"),
        AddIndexConcurrently("job", _index("job_of_tenant", state__in=("pending", "in_progress", "retrying"))),
        AddIndexConcurrently("storedresponse", _index("response_open", status__in=("queued", "in_progress"))),
        RemoveIndexConcurrently("job", "job_open"),
        RemoveIndexConcurrently("storedresponse", "response_at_work"),
    ]
