"""App registration."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    """Django app `executions`."""

    name = "executions"
    default_auto_field = "django.db.models.BigAutoField"
