"""A resource: what may be done with the rows of one kind, declared once for the API and for system tools."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from agents.resource_services import ResourceServices
from agents.tools.presets import without_values
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from julep_project.core.api.query import METADATA_FILTER as FILTER
from julep_project.core.api.query import PROJECT, Parameter
from julep_project.core.api.views import ApiViewSet, created, deleted, deletion
from julep_project.core.reading.fields import Body
from julep_project.core.reading.metadata_filter import metadata_condition

Json = dict[str, Any]

_TEXTS = {
    "list": "List {noun}s, the newest first.",
    "get": "Get one {noun}.",
    "create": "Create {one}.",
    "update": "Overwrite {one}; what is left out gets its default.",
    "patch": "Change some fields of {one}; metadata is merged.",
    "create_or_update": "Overwrite the {noun} with this id, or create it.",
    "delete": "Delete {one}.",
}
# What the views call a verb, where it differs.
_VERB_OF_ACTION = {"retrieve": "get", "partial_update": "patch", "destroy": "delete"}
_PROJECT = {"project": {"type": "string", "description": "Canonical name of a project"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The verbs of a resource. `changes` is the body for a row that is there, where it differs from that of a new one;
    `texts` are told of verbs in the place of the usual ones."""

    services: ResourceServices[Any]
    body: type[Body]
    to_wire: Callable[[Any], Json]
    changes: type[Body] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def body_of_changes(self) -> type[Body]:
        """What changes of a row are read with."""
        return self.changes or self.body

    def text(self, action: str) -> str:
        """What a verb does, for the API description and for models."""
        verb, noun = _VERB_OF_ACTION.get(action, action), self.services.noun
        one = f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"
        return self.texts.get(verb) or _TEXTS[verb].format(noun=noun, one=one)

    @property
    def query(self) -> tuple[Parameter, ...]:
        """What narrows the list."""
        return (FILTER, PROJECT) if self.services.has_project else (FILTER,)

    def narrowed(self, rows: "QuerySet[Any]", project: object) -> "QuerySet[Any]":
        """The rows of a project, if one is given."""
        is_narrowed = self.services.has_project and project
        return rows.filter(project__canonical_name__iexact=str(project)) if is_narrowed else rows


class ResourceViewSet(ApiViewSet):
    """The views of a resource."""

    of: ClassVar[Resource]

    def list(self, request: Request) -> Response:
        rows = self.of.services.rows(self.developer).filter(metadata_condition(request.query_params))
        return self.page(self.of.narrowed(rows, request.query_params.get("project")), self.of.to_wire)

    def create(self, request: Request) -> Response:
        values = self.of.body.read(request.data)
        return created(self.of.to_wire(self.of.services.create(developer=self.developer, values=values)))

    def retrieve(self, request: Request, id: UUID) -> Response:
        return Response(self.of.to_wire(self.of.services.get(self.developer, id)))

    def create_or_update(self, request: Request, id: UUID) -> Response:
        values = self.of.body.read(request.data)
        row = self.of.services.create_or_replace(developer=self.developer, row_id=id, values=values)
        return created(self.of.to_wire(row))

    def update(self, request: Request, id: UUID) -> Response:
        values = self.of.body_of_changes.read(request.data)
        row = self.of.services.replace(developer=self.developer, row_id=id, values=values)
        return Response(self.of.to_wire(row))

    def partial_update(self, request: Request, id: UUID) -> Response:
        values = self.of.body_of_changes.read(request.data, partial=True)
        row = self.of.services.patch(developer=self.developer, row_id=id, values=values)
        return Response(self.of.to_wire(row))

    def destroy(self, request: Request, id: UUID) -> Response:
        self.of.services.delete(developer=self.developer, row_id=id)
        return deleted(id)


class ResourceOperations:
    """What system tools may do with a resource."""

    def __init__(self, of: Resource) -> None:
        self._of = of
        self._id = f"{of.services.noun}_id"

    def register(self) -> None:
        """Let tools use every verb."""
        of, changes = self._of, self._of.body_of_changes
        more = {**METADATA_FILTER, **(_PROJECT if of.services.has_project else {})}
        self._register("list", self._list, page=1000, more=more)
        self._register("get", self._get, ids=self._id)
        self._register("create", self._create, body=of.body)
        self._register("update", self._replace, ids=self._id, body=changes)
        self._register("patch", self._patch, ids=self._id, body=changes, partial=True)
        self._register("create_or_update", self._create_or_replace, ids=self._id, body=of.body)
        self._register("delete", self._delete, ids=self._id)

    def _register(self, verb: str, run: Callable[[SystemCall], Any], **options: Any) -> None:
        operation(f"{self._of.services.noun}.{verb}", text=self._of.text(verb), **options)(run)

    def _list(self, call: SystemCall) -> list[Json]:
        rows = self._of.narrowed(call.narrowed(self._of.services.rows(call.developer)), call.arguments.get("project"))
        return [self._shown(row) for row in call.paging().load(rows)]

    def _get(self, call: SystemCall) -> Json:
        return self._shown(self._of.services.get(call.developer, call.id(self._id)))

    def _create(self, call: SystemCall) -> Json:
        return self._written(
            self._of.services.create_or_replace, call, call.new_id(), self._of.body.read(call.arguments)
        )

    def _create_or_replace(self, call: SystemCall) -> Json:
        values = self._of.body.read(call.besides(self._id))
        return self._written(self._of.services.create_or_replace, call, call.id(self._id), values)

    def _replace(self, call: SystemCall) -> Json:
        values = self._of.body_of_changes.read(call.besides(self._id))
        return self._written(self._of.services.replace, call, call.id(self._id), values)

    def _patch(self, call: SystemCall) -> Json:
        values = self._of.body_of_changes.read(call.besides(self._id), partial=True)
        return self._written(self._of.services.patch, call, call.id(self._id), values)

    def _delete(self, call: SystemCall) -> Json:
        row_id = call.id(self._id)
        self._of.services.delete(developer=call.developer, row_id=row_id)
        return deletion(row_id)

    def _written(self, service: Callable[..., Any], call: SystemCall, row_id: UUID, values: Json) -> Json:
        return self._shown(service(developer=call.developer, row_id=row_id, values=values))

    def _shown(self, row: Any) -> Json:
        return {**self._of.to_wire(row), "metadata": without_values(row.metadata)}
