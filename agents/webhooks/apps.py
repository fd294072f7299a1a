"""App registration."""

from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Addresses that are told what has happened."""

    name = "agents.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        """What is sealed here is known to the vault."""
        import_module("agents.webhooks.secrets")
