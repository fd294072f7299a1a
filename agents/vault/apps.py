"""App registration."""

from importlib import import_module

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Secrets."""

    name = "agents.vault"
    label = "vault"
    verbose_name = "Vault"

    def ready(self) -> None:
        """Register the check of the master key."""
        import_module("agents.vault.checks")
