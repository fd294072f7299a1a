"""App registration."""

from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """Requests that are repeated with the same `Idempotency-Key`."""

    name = "julep_project.core.idempotency"
    label = "idempotency"
    verbose_name = "Repeated requests"
