"""Requests that their clients may repeat, and what was answered."""

from django.db import models

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager
from julep_project.core.work.rows import LeasedRow

LONGEST_KEY = 255


class IdempotencyKey(LeasedRow):
    """One request, known by the key its client gave it.

    Without a `status` it is under way while its lease lasts, else it was not carried out. `body` is null where the
    answer was too large to be kept, or is kept by the work, which finds it by the `work_id`.
    """

    developer = models.ForeignKey(
        "agents.Developer", on_delete=models.CASCADE, related_name="+", db_index=False, editable=False
    )
    key = models.CharField(max_length=LONGEST_KEY, editable=False)
    digest = models.BinaryField(help_text="SHA-256 of the method, the path, the query and the body")
    work_id = models.UUIDField(default=uuid7, editable=False, help_text="names what the request makes")
    status = models.PositiveSmallIntegerField(null=True, editable=False)
    content_type = models.CharField(max_length=255, default="", editable=False)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["developer", "key"],
                name="idempotency_key_unique",
                violation_error_message="A request with this idempotency key already exists",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return f"{self.developer_id} {self.key}"
