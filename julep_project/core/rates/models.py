"""What differs between developers in how much they may ask for."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from julep_project.core.tenancy import TenantManager

HEAVIEST = 1000


class TenantRates(models.Model):
    """A developer's part of the installation. Null: as settings say for all; 0: no limit."""

    developer = models.OneToOneField("agents.Developer", on_delete=models.CASCADE, primary_key=True, related_name="+")
    weight = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(HEAVIEST)],
        help_text="how many parts of what several wait for it gets",
    )
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="of all keys together")
    key_requests_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="of each key")
    streams = models.PositiveIntegerField(null=True, blank=True, help_text="chats and event streams open at once")
    runs = models.PositiveIntegerField(null=True, blank=True, help_text="runs that have not ended")

    objects = TenantManager()

    class Meta:
        verbose_name_plural = "tenant rates"
        constraints = [
            models.CheckConstraint(condition=Q(weight__gte=1, weight__lte=HEAVIEST), name="tenant_weight_in_bounds"),
        ]

    def __str__(self) -> str:
        return f"{self.developer_id} x {self.weight}"
