"""App registration."""

from django.apps import AppConfig


class CallsConfig(AppConfig):
    """Django app `calls`."""

    name = "agents.calls"
    label = "calls"
    default_auto_field = "django.db.models.BigAutoField"
