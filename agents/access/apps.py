"""App registration."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Django app `access`."""

    name = "agents.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"
