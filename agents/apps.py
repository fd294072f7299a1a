"""App registration."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Django app `agents`."""

    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"
