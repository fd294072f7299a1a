"""Lets time pass for rows of leased work, whose clock is the database's."""

from datetime import timedelta
from typing import Any

from django.db.models import F


def pass_time(model: Any, seconds: float) -> None:
    """All that was so far away is over."""
    span = timedelta(seconds=seconds)
    times = {field.name for field in model._meta.fields} & {"due_at", "lease_until", "rung_at"}
    model._base_manager.update(**{name: F(name) - span for name in times})
