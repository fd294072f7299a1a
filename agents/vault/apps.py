"""App registration."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Secrets."""

    name = "agents.vault"
    label = "vault"
    verbose_name = "Vault"
