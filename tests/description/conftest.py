"""Tenants with rows to ask for."""

from tests.isolation.conftest import dispatcher

__all__ = ["dispatcher"]
