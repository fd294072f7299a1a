"""App registration."""

from importlib import import_module

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Connections of users to services."""

    name = "agents.connections"
    label = "connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        """What is sealed here is known to the vault, and calls are told by what they may sign in."""
        import_module("agents.connections.sealed")
        import_module("agents.connections.calling")
