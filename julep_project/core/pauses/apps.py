"""App registration."""

from django.apps import AppConfig


class PausesConfig(AppConfig):
    """What the installation does not do for the moment."""

    name = "julep_project.core.pauses"
    label = "pauses"
    verbose_name = "Pauses"
