"""The body of an import, and what it is answered with."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.openapi.credentials import Login
from agents.openapi.document import fetch_document, read_document
from agents.openapi.servers import ChosenServer
from agents.openapi.services import REFUSE, REPLACE, SKIP, Imported, ImportRequest, Planned
from agents.tool_definitions import LONGEST_TOOL_NAME, tool_to_wire
from julep_project.core.reading.fields import (
    Answer,
    DictOf,
    Example,
    JsonObject,
    ListOf,
    Pattern,
    StrictBody,
    Text,
)
from julep_project.core.reading.validation import invalid

_MOST_NAMES = 200
_LONGEST_NAME = 200
_SECRET = r"^[a-zA-Z]\w*$"
_TEXT_OR_OBJECT: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {}}]}


def _text_or(**properties: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, {"type": "object", "properties": properties}]}


@extend_schema_field(_TEXT_OR_OBJECT)
class DocumentField(serializers.Field[Any, Any, Any, Any]):
    """A document as an object, or its text."""

    default_error_messages: ClassVar[dict[str, Any]] = {"dict_type": "Input should be a valid object, or text."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | dict):
            self.fail("dict_type")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class LoginBody(StrictBody):
    """What one security scheme needs: the name of a secret; for basic authentication a user name too, or only that."""

    secret = Pattern(_SECRET, required=False, max_length=_LONGEST_NAME)
    username = Text(required=False, max_length=_LONGEST_NAME)


@extend_schema_field(_text_or(secret={"type": "string"}, username={"type": "string"}))
class LoginField(LoginBody):
    """The same; a text is the name of a secret."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({"secret": data} if isinstance(data, str) else data)


class ServerBody(StrictBody):
    """Another address than the document's first server, or values of its variables."""

    url = Text(required=False, min_length=1, max_length=1000)
    variables = DictOf(child=Text(max_length=_LONGEST_NAME), required=False)


@extend_schema_field(
    _text_or(url={"type": "string"}, variables={"type": "object", "additionalProperties": {"type": "string"}})
)
class ServerField(ServerBody):
    """The same; a text is the address."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({"url": data} if isinstance(data, str) else data)


class ImportBody(StrictBody):
    """What is imported: a `document`, or the one at a `url`."""

    example = Example(
        document={
            "openapi": "3.1.0",
            "info": {"title": "Harbour", "version": "1"},
            "servers": [{"url": "https://harbour.example.com/v1"}],
            "paths": {"/tides": {"get": {"operationId": "list_tides", "summary": "The tides of today."}}},
        },
        prefix="harbour_",
        on_conflict="replace",
    )

    document = DocumentField(required=False)
    url = Text(required=False, min_length=1, max_length=2000)
    operations = ListOf(child=Text(max_length=_LONGEST_NAME), required=False, max_length=_MOST_NAMES)
    tags = ListOf(child=Text(max_length=_LONGEST_NAME), required=False, max_length=_MOST_NAMES)
    prefix = Pattern(r"^(?:[a-zA-Z_]\w*)?$", required=False, max_length=LONGEST_TOOL_NAME // 2)
    server = ServerField(required=False)
    auth = DictOf(child=LoginField(), required=False, help_text="by the names of security schemes")
    on_conflict = serializers.ChoiceField(choices=[REFUSE, REPLACE, SKIP], default=REFUSE)
    dry_run = serializers.BooleanField(default=False)

    @classmethod
    def request(cls, data: Any) -> tuple[ImportRequest, bool]:
        """What is asked for, with the document fetched, and whether nothing is to be stored.

        Raises:
            InvalidInput
        """
        values = cls.read(data)
        if ("document" in values) == ("url" in values):
            raise invalid(["document"], "value_error", msg="Send either `document` or `url`", received="")
        document = fetch_document(values["url"]) if "url" in values else read_document(values["document"])
        server, auth = values.get("server", {}), values.get("auth", {})
        request = ImportRequest(
            document=document,
            operations=tuple(values.get("operations", ())),
            tags=tuple(values.get("tags", ())),
            prefix=values.get("prefix", ""),
            server=ChosenServer(server.get("url"), server.get("variables", {})),
            auth={name: Login(**given) for name, given in auth.items()},
            on_conflict=values["on_conflict"],
        )
        return request, values["dry_run"]


class ImportedTool(Answer):
    """What became of one operation."""

    nullable = frozenset({"id", "name", "tool", "reason"})

    operation = Text(help_text="its `operationId`, else its method and path")
    name = Text(help_text="of the tool")
    id = serializers.UUIDField(help_text="of the tool, once it is stored")
    tool = JsonObject(help_text="the tool, or its definition")
    left_out = ListOf(child=Text(), help_text="parameters that are not needed and cannot be supplied")
    reason = Text(help_text="why it was skipped or refused")


class ImportAnswer(Answer):
    """What became of the operations."""

    server = Text()
    created = ImportedTool(many=True)
    replaced = ImportedTool(many=True)
    skipped = ImportedTool(many=True)
    refused = ImportedTool(many=True)
    warnings = serializers.ListField(child=JsonObject())


def imported_to_wire(imported: Imported) -> dict[str, Any]:
    kinds = ("created", "replaced", "skipped", "refused")
    told = {kind: [_planned_to_wire(one) for one in getattr(imported, kind)] for kind in kinds}
    return {"server": imported.server, **told, "warnings": imported.warnings}


def _planned_to_wire(one: Planned) -> dict[str, Any]:
    """A tool that is there as it was stays as it was: the one of a dry run has no times yet."""
    tool = one.definition.to_wire() if one.definition else None
    if one.tool is not None and one.tool.created_at is not None:
        tool = tool_to_wire(one.tool)
    return {
        "operation": one.operation.id,
        "name": one.definition.name if one.definition else None,
        "id": None if one.tool is None else str(one.tool.pk),
        "tool": tool,
        "left_out": list(one.left_out),
        "reason": one.reason,
    }
