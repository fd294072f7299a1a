"""App registration."""

from django.apps import AppConfig


class HooksConfig(AppConfig):
    """Addresses that others call."""

    name = "executions.hooks"
    label = "hooks"
    verbose_name = "Hooks"
