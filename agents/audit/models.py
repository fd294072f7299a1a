"""Rows of the audit log."""

from django.db import models

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager

LONGEST_NAME = 255


class AuditRecord(models.Model):
    """One act. The database refuses to change or remove it (migration `append_only`).

    Nothing of it goes when the objects do that it names, their developer included. `developer` is null where staff
    did something that belongs to no tenant. `before` and `after` are settings, as far as they differ.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    developer = models.ForeignKey(
        "agents.Developer",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=255, blank=True)
    address = models.CharField(max_length=64, blank=True, help_text="where the request came from")
    request_id = models.CharField(max_length=128, blank=True)
    verb = models.CharField(max_length=32)
    object_kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    name = models.CharField(max_length=LONGEST_NAME, blank=True, help_text="what the object was called then")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="audit_of_developer"),
            models.Index(fields=["object_id", "-created_at"], name="audit_of_object"),
            models.Index(fields=["actor_id", "-created_at"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_kind} {self.actor_id}: {self.verb} {self.object_kind} {self.object_id}"
