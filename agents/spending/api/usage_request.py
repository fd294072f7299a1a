"""What a client asks of usage, and usage as lines of a table."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from agents.spending.periods import bounds, today
from agents.spending.usage import FILTERS, GROUPS, UsageQuery
from julep_project.core.api.pagination import read_page_request
from julep_project.core.errors import BadRequest
from julep_project.core.reading.validation import invalid, not_one_of, parse_uuid

# Parameters of a request: a mapping, and a list of all that have one name.
Query = Any
_LONGEST_MODEL = 255
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read_usage_request(query: Query) -> UsageQuery:
    """What a query string asks for. Without `start` the current month.

    Raises:
        InvalidInput, BadRequest
    """
    page = read_page_request(query)
    start = _day(query, "start") or bounds("month", today())[0]
    end = _day(query, "end") or date.max
    if end <= start:
        raise BadRequest("`end` is the first day that is not asked for: it must come after `start`")
    return UsageQuery(start, end, _groups(query), _filters(query), page.limit, page.offset, page.descending)


def as_csv(rows: Sequence[Mapping[str, Any]], query: UsageQuery) -> str:
    """The rows as a table with a header."""
    names = list(rows[0]) if rows else [GROUPS[group] for group in query.groups]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([[_cell(row[name]) for name in names] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _groups(query: Query) -> list[str]:
    asked = [part.strip() for text in query.getlist("group_by") for part in text.split(",")]
    groups = list(dict.fromkeys(part for part in asked if part)) or ["day"]
    for group in groups:
        if group not in GROUPS:
            raise not_one_of(("query", "group_by"), list(GROUPS), group)
    return groups


def _filters(query: Query) -> dict[str, Any]:
    given = {name: query[name] for name in FILTERS if query.get(name)}
    found: dict[str, Any] = {name: parse_uuid(text, "query", name) for name, text in given.items() if name != "model"}
    return {**found, "model": given["model"][:_LONGEST_MODEL]} if "model" in given else found


def _day(query: Query, name: str) -> date | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise invalid(("query", name), "datetime_parsing", received=text) from None
