"""What an address asks a page for, and the address of the page behind it."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict

_LONGEST = 200
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST_AGO = 100_000
_LONGEST_MOMENT = 40


def text_of(query: QueryDict, name: str, most: int = _LONGEST) -> str:
    """A text; empty without one."""
    return query.get(name, "").strip().replace("\0", "")[:most]


def choice_of(query: QueryDict, name: str, choices: Collection[str]) -> str:
    """One of the choices; empty without one.

    Raises:
        BadRequest
    """
    given = text_of(query, name)
    if given and given not in choices:
        raise BadRequest(f"There is no {name} of this name")
    return given


def id_of(query: QueryDict, name: str) -> UUID | None:
    """An id; None without one.

    Raises:
        BadRequest
    """
    given = text_of(query, name)
    found = uuid_of(given)
    if given and found is None:
        raise BadRequest(f"{name} is no id")
    return found


def moment_of(query: QueryDict, name: str) -> datetime | None:
    """ISO, or `-1h`, `-7d` before now; None without one.

    Raises:
        BadRequest
    """
    given = text_of(query, name, _LONGEST_MOMENT)
    if not given:
        return None
    if given[0] == "-" and given[-1] in _UNITS and given[1:-1].isdecimal():
        return datetime.now(UTC) - timedelta(**{_UNITS[given[-1]]: min(int(given[1:-1]), _LONGEST_AGO)})
    try:
        moment = datetime.fromisoformat(given)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} is no time") from None


def uuid_of(text: str) -> UUID | None:
    """The id that a text is; None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def page_behind(request: HttpRequest, after: object) -> str:
    """The address of the rows behind this place of the list, with all else that was asked for."""
    query = request.GET.copy()
    query["after"] = str(after)
    return f"{request.path}?{query.urlencode()}"
