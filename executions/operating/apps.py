"""App registration."""

from django.apps import AppConfig


class OperatingConfig(AppConfig):
    """What operators decide about runs, faults and workers."""

    name = "executions.operating"
    label = "operating"
    verbose_name = "Operating"
