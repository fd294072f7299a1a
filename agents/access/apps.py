"""App registration."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class AccessConfig(AppConfig):
    """Who may act for a developer."""

    name = "agents.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Register the checks, which need the settings."""
        import_string("agents.access.checks.check_who_is_let_in")
