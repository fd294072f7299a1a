"""Parameters of query strings: an operation says once which it takes, for its description and for what it refuses."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.http import QueryDict
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers

from julep_project.core.api.pagination import paging_schemas
from julep_project.core.errors import InvalidInput
from julep_project.core.reading.validation import how_to_mend_name, not_one_of, problem

Handler = TypeVar("Handler", bound=Callable[..., Any])
# One parameter, or one for each field of a body.
Parameter = OpenApiParameter | type[serializers.Serializer[Any]]

_OBJECT = {"type": "object", "additionalProperties": {}}
_WITHOUT_MEANING = "Is accepted, and means nothing here."
METADATA_FILTER = OpenApiParameter(
    "metadata_filter",
    _OBJECT,
    style="deepObject",
    description="What the metadata hold: `metadata_filter[key]=value`, `metadata_filter.key=value`, or JSON.",
    examples=[OpenApiExample("metadata_filter", {"team": "sea"})],
)
IGNORED_METADATA_FILTER = OpenApiParameter(
    "metadata_filter", _OBJECT, style="deepObject", deprecated=True, description=_WITHOUT_MEANING
)
PROJECT = OpenApiParameter(
    "project", description="canonical name of a project", examples=[OpenApiExample("project", "default")]
)
# Clients of other servers send it with any request.
_NEVER_REFUSED = frozenset({"connection_pool"})
_BELOW_AN_OBJECT = re.compile(r"[.\[]")
_LONGEST_NAME = 64
_MOST_TOLD = 20


def ignored(*names: str) -> list[OpenApiParameter]:
    """Parameters that published clients may send to any list."""
    return [OpenApiParameter(name, deprecated=True, description=_WITHOUT_MEANING) for name in names]


def paging(max_limit: int, *, is_sorted: bool = True) -> list[OpenApiParameter]:
    """The parameters that every list has."""
    known = [OpenApiParameter(name, schema) for name, schema in paging_schemas(max_limit).items()]
    return known if is_sorted else [*known[:2], *ignored("sort_by", "direction")]


def takes(*parameters: Parameter, **examples: Any) -> Callable[[Handler], Handler]:
    """Decorator of the handler of an operation: what its query may hold, beside what it takes already. A body has
    `examples` of its own."""
    for each in parameters:
        examples |= {} if isinstance(each, OpenApiParameter) else getattr(each, "example", None) or {}
    shown = [OpenApiExample(name, value, parameter_only=(name, "query")) for name, value in examples.items()]

    def decorate(handler: Handler) -> Handler:
        described: Any = extend_schema(parameters=list(parameters), examples=shown)(handler)
        described.query = (*getattr(described, "query", ()), *parameters)
        return handler

    return decorate


def check_query(query: QueryDict, handler: Any) -> None:
    """Refuse what the handler of an operation does not take.

    Raises:
        InvalidInput: with the known name that is nearest to each of those that are not.
    """
    if not query:
        return
    known = _known(getattr(handler, "query", ()))
    unknown = [name for name in query if not known.has(name)]
    if unknown:
        raise InvalidInput([_problem(name, known) for name in unknown[:_MOST_TOLD]])


def choice_in(query: QueryDict, name: str, choices: Sequence[str]) -> str:
    """The parameter, which is one of these if it is given; else an empty text.

    Raises:
        InvalidInput
    """
    text: str = query.get(name) or ""
    if text and text not in choices:
        raise not_one_of(("query", name), choices, text)
    return text


class _Known(NamedTuple):
    """`objects` are the names of those parameters that may be followed by a key, `lists` are those with brackets, as
    some clients write what may be there several times. Generators of clients take both names for one, and so only the
    plain one is described."""

    names: frozenset[str]
    objects: frozenset[str]
    lists: frozenset[str]

    def has(self, name: str) -> bool:
        is_known = name in self.names or name in self.lists or name in _NEVER_REFUSED
        return is_known or _BELOW_AN_OBJECT.split(name, 1)[0] in self.objects


@cache
def _known(parameters: tuple[Parameter, ...]) -> _Known:
    single = [each for each in parameters if isinstance(each, OpenApiParameter)]
    fields = [name for each in parameters if not isinstance(each, OpenApiParameter) for name in each().fields]
    names = frozenset({*(each.name for each in single), *map(str, fields)})
    objects = frozenset(each.name for each in single if each.style == "deepObject")
    return _Known(names, objects, frozenset(f"{each.name}[]" for each in single if each.many))


def _problem(name: str, known: _Known) -> dict[str, Any]:
    shown = name[:_LONGEST_NAME]
    return problem(
        ("query", shown),
        "extra_forbidden",
        msg=f"This operation has no parameter {shown!r}",
        received=shown,
        fix=how_to_mend_name(shown, known.names, "parameter"),
    )
