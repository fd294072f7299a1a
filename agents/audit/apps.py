"""App registration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Django app `audit`."""

    name = "agents.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
