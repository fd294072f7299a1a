"""The table of a page as CSV or JSON, at the address of the page."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from julep_project.core.clock import to_wire

FORMATS = ("csv", "json")
# A cell that begins with one of these is a formula to programs that open the file.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def wanted_format(request: HttpRequest) -> str | None:
    """The format that the address asks for; None for the page.

    Raises:
        BadRequest: there is no such format.
    """
    wanted = request.GET.get("format")
    if wanted and wanted not in FORMATS:
        raise BadRequest("The format is csv or json")
    return wanted or None


def as_file(wanted: str, name: str, rows: Sequence[Mapping[str, Any]], *, following: str | None = None) -> HttpResponse:
    """The rows in that format. `following` is the address of those after them."""
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    if wanted == "json":
        body = {"items": [{key: _plain(cell) for key, cell in row.items()} for row in rows], "next": following}
        return HttpResponse(json.dumps(body, ensure_ascii=False), content_type="application/json", headers=headers)
    text = io.StringIO()
    writer = csv.writer(text)
    if rows:
        writer.writerow(rows[0])
    writer.writerows([_cell(cell) for cell in row.values()] for row in rows)
    headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _plain(cell: Any) -> Any:
    match cell:
        case datetime():
            return to_wire(cell)
        case UUID() | date():
            return str(cell)
        case Decimal():
            return float(cell)
    return cell


def _cell(cell: Any) -> Any:
    plain = _plain(cell)
    if isinstance(plain, dict | list):
        plain = json.dumps(plain, ensure_ascii=False)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(_FORMULA) else plain
