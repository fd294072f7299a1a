"""The setting of default periods names kinds that there are."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from agents.retention.kinds import KINDS
from julep_project.core.health.checks import CHECKS


@register(CHECKS)
def check_kinds(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A period under a wrong name would keep for ever what is to be removed."""
    unknown = sorted(settings.RETENTION_DAYS.keys() - KINDS.keys())
    if not unknown:
        return []
    hint = f"There are: {', '.join(sorted(KINDS))}."
    return [Error(f"RETENTION_DAYS names kinds that there are not: {', '.join(unknown)}.", hint=hint, id="julep.E040")]
