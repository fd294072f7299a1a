"""Secrets, of which the database holds what nobody can read without the master key."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from agents.models import Agent, Developer
from julep_project.core.clock import now
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager

LONGEST_FINGERPRINT = 16
_TAKEN = "A secret with this name already exists"


class Overlapping(models.Model):
    """A row whose secret may be replaced: the one before, as it was sealed, counts as well until `previous_until`."""

    previous_sealed = models.TextField(blank=True, default="", db_default="")
    previous_sealed_with = models.CharField(max_length=LONGEST_FINGERPRINT, blank=True, default="", db_default="")
    previous_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def overlap_until(self) -> datetime | None:
        """Until when both count; None where the one before counts no more."""
        until: datetime | None = self.previous_until
        return until if until is not None and until > now() else None


class Secret(Resource):
    """A value that tools and model calls may use by its name: of a developer, or of one agent of it.

    `sealed` is the value as `agents.vault.sealing` writes it, and opens for this row alone; `sealed_with` is the
    fingerprint of the master key that opens it. Names are compared without case.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    sealed = models.TextField()
    sealed_with = models.CharField(max_length=LONGEST_FINGERPRINT)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(
                "developer",
                Lower("name"),
                condition=Q(agent__isnull=True),
                name="secret_name_unique",
                violation_error_message=_TAKEN,
            ),
            models.UniqueConstraint(
                "agent",
                Lower("name"),
                condition=Q(agent__isnull=False),
                name="agent_secret_name_unique",
                violation_error_message=f"{_TAKEN} for this agent",
            ),
        ]
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="secret_of_developer"),
            # For the question which keys are in use, and for what a change of the master key has left to do.
            models.Index(fields=["sealed_with", "id"], name="secret_sealed_with"),
        ]

    def __str__(self) -> str:
        return self.name
