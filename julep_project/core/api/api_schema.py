"""What views say about themselves for the API description."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from types import MappingProxyType
from typing import Any, TypeVar

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from julep_project.core.api.query import Parameter, paging, takes
from julep_project.core.reading.fields import Answer, Timestamp

ViewType = TypeVar("ViewType", bound=type[Any])
AsyncFunction = TypeVar("AsyncFunction", bound=Callable[..., Any])

# Answers of views that stream.
SERVER_SENT_EVENTS = {(200, "text/event-stream"): OpenApiTypes.STR}
JSON_LINES = {(200, "application/x-ndjson"): OpenApiTypes.STR}

_STATUS = {"create": 201, "create_or_update": 201, "destroy": 202}
_WITH_BODY = ("create", "create_or_update", "update", "partial_update")


class Description(AutoSchema):
    """How each operation is described: with its body, also where it deletes, with objects of lists that may be null,
    and with files as they are sent."""

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        described = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, serializers.FileField):
            described |= {"format": "binary"}
        if isinstance(field, serializers.ListField) and field.child.allow_null and "$ref" in described["items"]:
            described["items"] = {"oneOf": [described["items"], {"type": "null"}]}
        return described

    def _get_request_body(self, direction: Any = "request") -> Any:
        method = self.method
        if method == "DELETE" and self.get_request_serializer() is not None:
            self.method = "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer key in the `Authorization` header."""

    target_class = "julep_project.core.api.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


class TextOrList(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A list in whose place a text may be sent; what `answers_text` may come back as one, too."""

    target_class = "julep_project.core.reading.fields.ListOf"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        listed = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        told = self.target.answers_text or (self.target.takes_text and direction == "request")
        # An answer that is described by what may be sent comes here as what is sent, too.
        return {"anyOf": [{"type": "string"}, listed]} if told else listed


class WithOtherKeys(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Bodies with names of the caller's own, and with an example."""

    target_class = "julep_project.core.reading.fields.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        described = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if self.target.others is not None:
            described["additionalProperties"] = dict(self.target.others)
        own = vars(type(self.target))
        example = own.get("example_of_changes") if self.target.partial else None
        if (example := example or own.get("example")) is not None:
            described["examples"] = [example]
        return described


class Deleted(Answer):
    """Answer of a delete."""

    id = serializers.UUIDField()
    deleted_at = Timestamp()
    jobs = serializers.ListField(child=serializers.UUIDField())


def page_of(noun: str, answer: Any, key: str = "items", **others: Any) -> Any:
    """What a list answers with: the rows in an envelope, and other fields beside them."""
    envelope = type(f"{noun.title().replace('_', '')}List", (Answer,), {key: answer(many=True), **others})
    # The framework takes what a list answers with for one of its rows.
    return forced_singular_serializer(envelope)  # type: ignore[no-untyped-call]


@cache
def created_of(answer: Any) -> Any:
    """What the creation of a resource answers with: with the jobs that it began."""
    jobs = serializers.ListField(child=serializers.UUIDField())
    return type(
        f"New{answer.__name__.removesuffix('Answer')}Answer", (answer,), {"jobs": jobs, "__doc__": answer.__doc__}
    )


def describe(
    noun: str,
    *,
    body: Any,
    answer: Any,
    ids: tuple[str, ...] = ("id",),
    max_limit: int = 1000,
    text: Callable[[str], str] | None = None,
    form: Any = None,
    changes: Any = None,
    bare: bool = False,
    is_sorted: bool = True,
    query: Sequence[Parameter] = (),
    answers: Mapping[str, Mapping[int, Any]] = MappingProxyType({}),
) -> Callable[[ViewType], ViewType]:
    """Class decorator: describe the usual verbs of a resource view from its body and answer. `form` is what may be sent
    in place of the body, `changes` what a row that is there is changed with, where that differs. A `bare` list is an
    array without an envelope; one that is not `is_sorted` by the caller has the newest first. `query` is what a list
    takes beside. `answers` are those of verbs that answer with something else.

    What a verb does says `text`, or else the docstring of its method.
    """
    path_ids = [OpenApiParameter(name, OpenApiTypes.UUID, OpenApiParameter.PATH) for name in ids]
    page = answer(many=True) if bare else page_of(noun, answer)
    listing = takes(*paging(max_limit, is_sorted=is_sorted), *query)

    def decorate(view: ViewType) -> ViewType:
        for action in ("list", "create", "retrieve", "create_or_update", "update", "partial_update", "destroy"):
            if not hasattr(view, action):
                continue
            own_ids = path_ids[:-1] if action in ("list", "create") else path_ids
            _own_method(view, action)
            documented = extend_schema(
                operation_id=f"{noun}_{action}",
                description=text(action) if text else None,
                parameters=own_ids,
                request=_request(_body_of(action, body, changes), form) if action in _WITH_BODY else None,
                responses=answers.get(action) or {_STATUS.get(action, 200): _answer(action, answer, page)},
            )
            method = documented(getattr(view, action))
            setattr(view, action, listing(method) if action == "list" else method)
        return view

    return decorate


def describe_async(
    operation_id: str,
    *,
    method: str = "post",
    body: Any = None,
    answer: Any = OpenApiTypes.OBJECT,
    status: int = 200,
    ids: tuple[str, ...] = (),
    query: Sequence[Parameter] = (),
    others: Sequence[OpenApiParameter] = (),
    needs_key: bool = True,
    text: str | None = None,
    example: Any = None,
) -> Callable[[AsyncFunction], AsyncFunction]:
    """Function decorator: describe a method of a view that is a function, which the framework knows nothing of.

    The text is the view's docstring, unless another is given. A view of several methods is decorated once for each.
    `body` is one, or several by type of content, `answer` likewise by status and type. `example` is one
    of JSON that is no body of ours. `others` are parameters that are not checked, such as headers.
    """
    path_ids = [OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH) for name in ids]
    one_body = {"application/json": body} if body is not None else None

    def decorate(view: AsyncFunction) -> AsyncFunction:
        def handler(self: APIView, request: Any) -> None: ...

        documented = extend_schema(
            operation_id=operation_id,
            description=text or view.__doc__,
            parameters=[*path_ids, *others],
            request=body if isinstance(body, Mapping) else one_body,
            auth=None if needs_key else [],
            examples=[] if example is None else [OpenApiExample("example", example, request_only=True)],
            responses=answer if isinstance(answer, Mapping) else {status: answer},
        )(handler)
        described: Any = view
        described.cls = type(view.__name__, (getattr(described, "cls", APIView),), {method: takes(*query)(documented)})
        described.initkwargs = {}
        return view

    return decorate


def _body_of(action: str, body: Any, changes: Any) -> Any:
    return changes if changes is not None and action in ("update", "partial_update") else body


def _own_method(view: type[Any], action: str) -> None:
    """Give the class a method of its own where it inherits one, so that each class describes its own."""
    if action in vars(view):
        return
    inherited = getattr(view, action)

    @wraps(inherited)
    def own(self: Any, *args: Any, **kwargs: Any) -> Any:
        return inherited(self, *args, **kwargs)

    setattr(view, action, own)


def _answer(action: str, answer: Any, page: Any) -> Any:
    created = {"create": created_of(answer), "create_or_update": created_of(answer)}
    return {**created, "list": page, "destroy": Deleted}.get(action, answer)


def _request(body: Any, form: Any) -> dict[str, Any]:
    return {"application/json": body, **({"multipart/form-data": form} if form is not None else {})}
