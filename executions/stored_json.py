"""A JSON column whose large values lie in the file storage; see `executions.blobs` for how they get there."""

from typing import Any

import orjson
from django.db.models import JSONField

from julep_project.core.storage import open_stored

REFERENCE = "$blob"


class StoredJson(JSONField):
    """Reads values wherever they lie."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The value; a reference is followed."""
        found = super().from_db_value(value, expression, connection)
        if isinstance(found, dict) and len(found) == 1 and REFERENCE in found:
            with open_stored(found[REFERENCE]) as content:
                return orjson.loads(content.read())
        return found
