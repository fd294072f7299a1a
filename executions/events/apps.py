"""App registration."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Named facts that waits of runs take."""

    name = "executions.events"
    label = "events"
    verbose_name = "Events"
