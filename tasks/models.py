"""Task definitions. A Task is the editable head; every TaskVersion is one immutable program of it.

`DO_NOTHING` means that the database cascades by itself (migration `database_cascades`): deleting an agent with a long
history is one statement, and a worker that writes at the same moment cannot break it.
"""

from django.db import models

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import Resource, canonical_name_unique, metadata_index
from julep_project.core.tenancy import TenantManager, Through


class Task(Resource):
    """A workflow definition of an agent."""

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey("agents.Agent", on_delete=models.DO_NOTHING, related_name="tasks")
    name = models.CharField(max_length=255)
    canonical_name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict)
    version_number = models.PositiveIntegerField(default=1)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [canonical_name_unique("a task")]
        indexes = [
            models.Index(fields=["agent", "-created_at", "-id"], name="task_of_agent"),
            metadata_index("task_metadata"),
        ]

    def __str__(self) -> str:
        return self.name


class TaskVersion(models.Model):
    """One immutable program. Executions point here, so an update never changes a running execution."""

    tenancy = Through("task_id", "tasks.Task")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    dialect = models.CharField(max_length=16)
    program = models.JSONField(help_text="canonical program, the only thing the engine reads")
    source = models.JSONField(help_text="workflow name to steps, as clients get them back")
    tools = models.JSONField(default=list)
    inherit_tools = models.BooleanField(default=True)
    input_schema = models.JSONField(null=True)
    warnings = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="task_version_number_unique")]
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"{self.task_id} v{self.number}"
