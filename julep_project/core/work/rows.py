"""What rows of leased work have. Their clock is the database's."""

from django.db import models

from julep_project.core.clock import DatabaseNow


class LeasedRow(models.Model):
    """A row that a process works on for as long as it renews the lease.

    `version` fences: whoever claimed the row may write to it only while it stands at the number claimed.
    """

    version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


class QueuedRow(LeasedRow):
    """A row that waits for a worker from `due_at` on. It may have been rung for and nobody has come yet."""

    attempts = models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count")
    due_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    rung_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True
