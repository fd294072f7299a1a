"""What queries of the responses and conversations APIs may hold."""

from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from julep_project.core.reading.validation import not_one_of
from sessions.responses.wire.shown import INCLUDABLE

INCLUDE = [OpenApiParameter("include", many=True, enum=INCLUDABLE)]
PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100"),
    OpenApiParameter("order", enum=["asc", "desc"]),
    OpenApiParameter("after", description="the id of the item before the page"),
]
_FLAGS = ("true", "false")


def read_include(query: QueryDict) -> list[str]:
    """What is asked to be included in items.

    Raises:
        InvalidInput: one of the values is nothing that can be included.
    """
    asked = [name for key in ("include[]", "include") for name in query.getlist(key)]
    for place, name in enumerate(asked):
        if name not in INCLUDABLE:
            raise not_one_of(("query", "include", place), INCLUDABLE, name)
    return asked


def read_flag(query: QueryDict, name: str) -> bool:
    """Whether a parameter says yes. One that is not given, or empty, says no.

    Raises:
        InvalidInput: it says neither.
    """
    said = query.get(name) or "false"
    if said.lower() not in _FLAGS:
        raise not_one_of(("query", name), _FLAGS, said)
    return said.lower() == "true"
