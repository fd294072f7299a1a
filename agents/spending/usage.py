"""What was used: sums over days and over accounts that are in no day yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from agents.models import Developer, UsageState
from agents.spending.attribution import DIMENSIONS
from agents.spending.periods import midnight
from agents.spending.sql import DAY_OF_USAGE
from julep_project.core.database import fetch

# What usage may be grouped by, with the column that tells it.
GROUPS = {
    "day": "day",
    "model": "model",
    "project": "project_id",
    "agent": "agent_id",
    "task": "task_id",
    "session": "session_id",
    "execution": "execution_id",
    "key": "key_id",
}
FILTERS = ("model", *DIMENSIONS)

_SUMS = ("calls", "unpriced_calls", "own_key_calls", "prompt_tokens", "completion_tokens", "total_tokens", "cost")


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage is asked for: from one day up to another, without that, in groups. `where` are values of columns."""

    start: date
    end: date
    groups: Sequence[str] = ("day",)
    where: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 100
    offset: int = 0
    descending: bool = True


def read_usage(developer: Developer, query: UsageQuery) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The groups of the page, and what all groups are together. Calls under way are in neither.

    `cost` is what calls of the server's keys cost, as far as their prices are known: null where none is.
    """
    columns = [GROUPS[group] for group in query.groups]
    asked = {*columns, *query.where}
    table, unknown = ("spending_taskusageday", _OF_ONE) if asked.isdisjoint(_OF_ONE) else ("spending_usageday", ())
    of_days = ", ".join(f"NULL::uuid AS {name}" if name in unknown else f"c.{name}" for name in DIMENSIONS)
    narrowed = " ".join(f"AND c.{name} = %({name})s" for name in query.where)
    parameters = {
        **query.where,
        "developer": developer.pk,
        "start": query.start,
        "end": query.end,
        "from": midnight(query.start),
        "to": midnight(query.end),
        "limit": query.limit,
        "offset": query.offset,
    }
    source = _SOURCE.format(narrowed=narrowed, table=table, of_days=of_days)
    by, order = ", ".join(columns), "DESC" if query.descending else "ASC"
    keys = ", ".join(f"{column} {order} NULLS LAST" for column in columns)
    summed = f"SELECT {by}, {_SUMMED} FROM ({source}) AS parts GROUP BY {by} ORDER BY {keys}"
    page = fetch(f"{summed} LIMIT %(limit)s OFFSET %(offset)s", parameters)
    [total] = fetch(f"SELECT {_SUMMED} FROM ({source}) AS parts", parameters)
    names = [*columns, *_SUMS]
    return [_shown(dict(zip(names, row, strict=True))) for row in page], _shown(dict(zip(_SUMS, total, strict=True)))


# What sums by task and agent do not tell apart.
_OF_ONE = ("session_id", "execution_id", "key_id")
_COLUMNS = ", ".join(f"c.{name}" for name in DIMENSIONS)

_SOURCE = f"""
    SELECT c.day, c.model, {{of_days}}, c.custom_api_used, c.calls, c.unpriced, c.prompt_tokens,
           c.completion_tokens, c.cost
    FROM {{table}} c
    WHERE c.developer_id = %(developer)s AND c.day >= %(start)s AND c.day < %(end)s {{narrowed}}
    UNION ALL
    SELECT {DAY_OF_USAGE} AS day, c.model, {_COLUMNS}, c.custom_api_used, 1, (c.cost IS NULL)::int, c.prompt_tokens,
           c.completion_tokens, coalesce(c.cost, 0)
    FROM agents_modelusage c
    WHERE c.developer_id = %(developer)s AND NOT c.folded AND c.state <> '{UsageState.RESERVED}'
      AND c.created_at >= %(from)s AND c.created_at < %(to)s {{narrowed}}
"""

_SUMMED = """
    coalesce(sum(calls), 0)::bigint, coalesce(sum(unpriced), 0)::bigint,
    coalesce(sum(calls) FILTER (WHERE custom_api_used), 0)::bigint, coalesce(sum(prompt_tokens), 0)::bigint,
    coalesce(sum(completion_tokens), 0)::bigint, coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint,
    CASE WHEN coalesce(sum(calls - unpriced) FILTER (WHERE NOT custom_api_used), 0) > 0
         THEN sum(cost) FILTER (WHERE NOT custom_api_used) END
"""


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """As the API tells it."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    match value:
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Decimal():
            return float(value)
    return value
