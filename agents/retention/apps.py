"""App registration."""

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """Django app `retention`."""

    name = "agents.retention"
    label = "retention"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the check of the defaults."""
        from agents.retention import checks  # noqa: F401  (registers itself)
