"""App registration."""

from django.apps import AppConfig


class LinksConfig(AppConfig):
    """Answers to waits by a link."""

    name = "executions.links"
    label = "links"
    verbose_name = "Links to waits"
