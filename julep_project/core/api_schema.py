"""The API description: what views say about themselves, and the document built from it."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from julep_project.core.fields import Timestamp
from julep_project.core.pagination import paging_parameters
from julep_project.core.renderers import to_json

ViewType = TypeVar("ViewType", bound=type[Any])

_STATUS = {"create": 201, "create_or_update": 201, "destroy": 202}
_WITH_BODY = ("create", "create_or_update", "update", "partial_update")


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer key in the `Authorization` header."""

    target_class = "julep_project.core.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """As OpenAPI words it."""
        return {"type": "http", "scheme": "bearer"}


class Deleted(serializers.Serializer[Any]):
    """Answer of a delete."""

    id = serializers.UUIDField()
    deleted_at = Timestamp()
    jobs = serializers.ListField(child=serializers.UUIDField())


def describe(
    noun: str, *, body: Any, answer: Any, ids: tuple[str, ...] = ("id",), max_limit: int = 1000
) -> Callable[[ViewType], ViewType]:
    """Class decorator: describe the usual verbs of a resource view from its body and answer."""
    path_ids = [OpenApiParameter(name, OpenApiTypes.UUID, OpenApiParameter.PATH) for name in ids]
    envelope = inline_serializer(f"{noun}List", {"items": answer(many=True)})

    def decorate(view: ViewType) -> ViewType:
        for action in ("list", "create", "retrieve", "create_or_update", "update", "partial_update", "destroy"):
            if not hasattr(view, action):
                continue
            own_ids = path_ids[:-1] if action in ("list", "create") else path_ids
            documented = extend_schema(
                operation_id=f"{noun}_{action}",
                parameters=own_ids + (_paging(max_limit) if action == "list" else []),
                request={"application/json": body} if action in _WITH_BODY else None,
                responses={_STATUS.get(action, 200): _answer(action, answer, envelope)},
            )
            setattr(view, action, documented(getattr(view, action)))
        return view

    return decorate


@cache
def openapi_document() -> bytes:
    """The whole document as JSON. It depends on the code only, so it is built once."""
    generator: Any = SchemaGenerator
    return to_json(generator().get_schema(request=None, public=True))


def _answer(action: str, answer: Any, envelope: Any) -> Any:
    return {"list": envelope, "destroy": Deleted}.get(action, answer)


def _paging(max_limit: int) -> list[OpenApiParameter]:
    types = {"integer": OpenApiTypes.INT, "string": OpenApiTypes.STR}
    return [
        OpenApiParameter(
            item["name"],
            types[item["schema"]["type"]],
            OpenApiParameter.QUERY,
            enum=item["schema"].get("enum"),
            default=item["schema"]["default"],
        )
        for item in paging_parameters(max_limit)
    ]
