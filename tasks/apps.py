"""App registration."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Django app `tasks`."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"
