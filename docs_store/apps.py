"""App registration."""

from django.apps import AppConfig


class DocsStoreConfig(AppConfig):
    """Django app `docs_store`."""

    name = "docs_store"
    verbose_name = "Documents"
    default_auto_field = "django.db.models.BigAutoField"
