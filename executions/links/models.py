"""Links to open waits.

`DO_NOTHING` means that the database cascades by itself.
"""

from django.db import models

from executions.models import Execution
from julep_project.core.models import Resource
from julep_project.core.tenancy import Through


class WaitLink(Resource):
    """A link by which somebody without an account answers one open wait, once. Only a digest of its token is stored."""

    tenancy = Through("execution_id", "executions.Execution")

    execution = models.ForeignKey(Execution, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    wait_id = models.UUIDField(help_text="the `wait` transition")
    digest = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the token")
    answers_as = models.CharField(max_length=200, blank=True, help_text="whom it is for, as the log will tell")
    made_by = models.JSONField(help_text="kind, id and name of who made it")
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta(Resource.Meta):
        indexes = [models.Index(fields=["execution", "wait_id"], name="wait_link_of_wait")]

    def __str__(self) -> str:
        return f"{self.wait_id} {self.answers_as}"
