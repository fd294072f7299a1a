"""What rows of jobs have."""

from typing import Any

from django.db import models

from julep_project.core.models import Resource
from julep_project.core.work.rows import QueuedRow


class JobState(models.TextChoices):
    """Where a background job stands, in the words of the API."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    ABORTED = "aborted"
    FAILED = "failed"


OPEN = (JobState.PENDING.value, JobState.IN_PROGRESS.value, JobState.RETRYING.value)


class JobRow(Resource, QueuedRow):
    """A job. Its model adds the developer, and what it is about."""

    name = models.CharField(max_length=64)
    reason = models.TextField(blank=True, default="")
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.PENDING)
    progress = models.FloatField(default=0.0, help_text="0 to 1")

    class Meta(Resource.Meta):
        abstract = True

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in OPEN

    def details(self) -> dict[str, Any]:
        """What the API tells of it beside what it tells of every job."""
        return {}
