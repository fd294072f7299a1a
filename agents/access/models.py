"""Keys by which programs act for a developer."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from agents.models import Developer
from julep_project.core.api.auth import KeyScope
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager

LONGEST_LABEL = 255
_SCOPES = [scope.value for scope in KeyScope]


class ApiKey(Resource):
    """A key of a developer. The key itself was shown once, to who made it; the row has its SHA-256 and beginning."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=LONGEST_LABEL, help_text="what the key is for")
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=16), help_text="read, write, admin")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="empty: never")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="to the minute")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = TenantManager()

    class Meta(Resource.Meta):
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=_SCOPES) & Q(scopes__len__gt=0), name="api_key_scopes_known"
            )
        ]
        indexes = [models.Index(fields=["developer", "-created_at", "-id"], name="api_key_of_developer")]

    def __str__(self) -> str:
        return f"{self.prefix} {self.label}"
