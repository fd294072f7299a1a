"""App registration."""

from django.apps import AppConfig


class BulkConfig(AppConfig):
    """The same done to many runs."""

    name = "executions.bulk"
    label = "bulk"
    verbose_name = "Bulk actions"
