"""The operator's own key as it is shown beside the keys of the developer it acts for."""

from typing import Any

from django.conf import settings

from agents.access.developers import SINGLE_TENANT_ID
from agents.models import Developer
from julep_project.core.api.auth import KeyScope

# A short one would be half told by its beginning.
_LEAST_LENGTH = 32
_SHOWN = 4


def configured_keys(developer: Developer) -> list[dict[str, Any]]:
    """The keys of this developer that are settings of the server and no rows: they are changed there."""
    key = settings.AGENTS_API_KEY
    if developer.pk != SINGLE_TENANT_ID or not key:
        return []
    prefix = key[:_SHOWN] if len(key) >= _LEAST_LENGTH else ""
    return [{"label": "AGENTS_API_KEY", "prefix": prefix, "scopes": [scope.value for scope in KeyScope]}]
