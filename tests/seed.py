"""Rows that migrations create. A test that commits is followed by a flush, which would take them away for good."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.db.models.signals import post_migrate


def seed_developer(**_: Any) -> None:
    """Create the developer of single-tenant mode and its default project, if they are missing."""
    import_module("agents.migrations.0002_single_tenant_developer").seed(apps, None)


def keep_seeded() -> None:
    """From now on every flush brings the rows back (Django announces a flush like a migration)."""
    post_migrate.connect(seed_developer, sender=apps.get_app_config("agents"), dispatch_uid="tests.seed")
