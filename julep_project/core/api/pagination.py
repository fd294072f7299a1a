"""Lists: `{"items": [...]}` with `limit`, `offset`, `sort_by` and `direction`.

In those with a `cursor` the next page is found by its place, however many rows are before it and whatever was added
meanwhile.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, ExpressionWrapper, F, JSONField, Lookup, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from julep_project.core.api.page_bytes import check_page
from julep_project.core.errors import BadRequest
from julep_project.core.reading.validation import invalid

DEFAULT_LIMIT = 100
SORTABLE = ("created_at", "updated_at")
_DIRECTIONS = ("asc", "desc")
_FARTHEST = 2**62


@dataclass(frozen=True)
class PageRequest:
    """Which rows are asked for, in which order."""

    limit: int
    offset: int
    sort_by: str
    descending: bool

    def apply(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """The page; the id decides between rows of the same instant, so that pages never overlap."""
        # Rows that do not tell when they were changed last are told by when they were made.
        names = {field.name for field in rows.model._meta.get_fields()}
        by: Any = F(self.sort_by if self.sort_by in names else "created_at")
        if _looks_into_json(rows.query.where):
            # No index is in this order: with one that is, Postgres walks through all rows of a tenant for a small page,
            # since it takes every filter on metadata for one that many rows meet.
            by = ExpressionWrapper(by + timedelta(0), output_field=DateTimeField())
        order = [key.desc() if self.descending else key.asc() for key in (by, F("pk"))]
        return rows.order_by(*order)[self.offset : self.offset + self.limit]

    def load(self, rows: "QuerySet[Any]") -> list[Any]:
        """The rows of the page.

        Raises:
            BadRequest: they hold too much together.
        """
        page = self.apply(rows)
        check_page(page)
        return list(page)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a row in a list by `created_at`: what comes behind it is the next page."""

    created_at: datetime
    row_id: UUID

    @classmethod
    def at(cls, row: Any) -> "Cursor":
        return cls(row.created_at, row.pk)

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """What `text` stands for; None when it is empty.

        Raises:
            BadRequest: it was not made by `to_text`.
        """
        if not text:
            return None
        try:
            moment, _, row_id = base64.urlsafe_b64decode(text).decode().partition(" ")
            return cls(_moment_with_zone(moment), UUID(row_id))
        except (ValueError, binascii.Error):
            raise BadRequest("The cursor is not valid") from None

    def to_text(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()} {self.row_id}".encode()).decode()

    def behind(self, rows: "QuerySet[Any]", *, descending: bool = True) -> "QuerySet[Any]":
        """The rows that come after this place. Others may be written meanwhile."""
        way = "lt" if descending else "gt"
        further = Q(**{f"created_at__{way}": self.created_at})
        beside = Q(created_at=self.created_at, **{f"pk__{way}": self.row_id})
        # Said twice, so that the index is entered at this time instead of read up to it.
        return rows.filter(further | beside, **{f"created_at__{way}e": self.created_at})


def _moment_with_zone(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _looks_into_json(condition: Any) -> bool:
    """Whether the condition is met by rows whose JSON contains something, for which there is an index."""
    if isinstance(condition, Lookup):
        return condition.lookup_name == "contains" and isinstance(condition.lhs.output_field, JSONField)
    return any(_looks_into_json(part) for part in getattr(condition, "children", ()))


def read_page_request(
    query: Mapping[str, str],
    *,
    max_limit: int = 1000,
    negative_offset: str = "Offset must be >= 0",
    sort_by: str = "created_at",
    direction: str = "desc",
) -> PageRequest:
    """The paging part of a query string; an empty value counts as absent.

    Raises:
        BadRequest: limit or offset out of range.
        InvalidInput: not a number, unknown sort field or direction.
    """
    limit = read_number(query, "limit", DEFAULT_LIMIT)
    offset = read_number(query, "offset", 0)
    if not 1 <= limit <= max_limit:
        raise BadRequest(f"Limit must be between 1 and {max_limit}")
    if offset < 0:
        raise BadRequest(negative_offset)
    return PageRequest(
        limit=limit,
        offset=min(offset, _FARTHEST),
        sort_by=_choice(query, "sort_by", sort_by, SORTABLE),
        descending=_choice(query, "direction", direction, _DIRECTIONS) == "desc",
    )


class ItemsPagination:
    """Up to 1000 rows a page."""

    max_limit = 1000
    negative_offset = "Offset must be >= 0"

    def paginate_queryset(self, queryset: Any, request: Request) -> list[Any]:
        page = read_page_request(request.query_params, max_limit=self.max_limit, negative_offset=self.negative_offset)
        return page.load(queryset)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data})


class SmallPagination(ItemsPagination):
    """Up to 100 rows a page: users, tasks, docs, files, executions."""

    max_limit = 100


class BareListPagination(SmallPagination):
    """A list without an envelope: files."""

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data)


class NewestFirstPagination(BareListPagination):
    """A list without an envelope in one order; of what clients may ask, only `limit` and `offset` count: secrets."""

    max_limit = 1000

    def paginate_queryset(self, queryset: Any, request: Request) -> list[Any]:
        asked = {name: request.query_params.get(name, "") for name in ("limit", "offset")}
        return read_page_request(asked, max_limit=self.max_limit).load(queryset)


def paging_schemas(max_limit: int) -> dict[str, dict[str, Any]]:
    """JSON schemas of the parameters every list has."""
    return {
        "limit": {"type": "integer", "minimum": 1, "maximum": max_limit, "default": DEFAULT_LIMIT},
        "offset": {"type": "integer", "minimum": 0, "default": 0},
        "sort_by": {"type": "string", "enum": list(SORTABLE), "default": "created_at"},
        "direction": {"type": "string", "enum": list(_DIRECTIONS), "default": "desc"},
    }


def read_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of a query string; an empty one counts as absent.

    Raises:
        InvalidInput: it is none.
    """
    text = query.get(name, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise invalid(("query", name), "int_parsing", received=text) from None


def _choice(query: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = query.get(name, "") or default
    if text not in allowed:
        expected = " or ".join(repr(choice) for choice in allowed)
        raise invalid(("query", name), "enum", received=text, expected=expected, choices=allowed)
    return text
