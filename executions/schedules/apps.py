"""App registration."""

from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    """Runs and messages that begin at times."""

    name = "executions.schedules"
    label = "schedules"
    verbose_name = "Schedules"
