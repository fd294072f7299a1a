"""App registration."""

from django.apps import AppConfig


class SpendingConfig(AppConfig):
    """Django app `spending`."""

    name = "agents.spending"
    label = "spending"
    default_auto_field = "django.db.models.BigAutoField"
