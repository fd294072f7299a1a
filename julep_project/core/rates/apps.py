"""App registration."""

from django.apps import AppConfig


class RatesConfig(AppConfig):
    """How much at once, and how often, each developer may ask."""

    name = "julep_project.core.rates"
    label = "rates"
    verbose_name = "Rates"
