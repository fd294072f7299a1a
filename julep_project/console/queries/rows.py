"""Rows of a statement by the names of its columns."""

import json
from typing import Any

from django.db import connection

Row = dict[str, Any]


def rows(statement: str, parameters: Any = None) -> list[Row]:
    """The rows that a statement gives; `jsonb` as values."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.description is not None
        columns = [(column.name, column.type_code in _JSON) for column in cursor.description]
        return [
            {
                name: json.loads(value) if is_json and isinstance(value, str) else value
                for (name, is_json), value in zip(columns, row, strict=True)
            }
            for row in cursor.fetchall()
        ]


# Type numbers of `json` and `jsonb`.
_JSON = (114, 3802)
