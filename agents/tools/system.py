"""Runs `system` tools: operations of this very API, on the rows of the caller's developer.

An app registers its operations in its `operations.py`. A function calls the services and selectors its views call,
gives what they answer, and raises what they raise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import Error as DatabaseError
from django.db.models import QuerySet

from agents.models import Developer
from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.registry import ToolCall
from julep_project.core.api.pagination import PageRequest, paging_schemas, read_page_request
from julep_project.core.errors import CostLimitExceeded, DomainError
from julep_project.core.json_value import Json
from julep_project.core.reading.body_schema import body_schema
from julep_project.core.reading.fields import Body
from julep_project.core.reading.metadata_filter import object_condition
from julep_project.core.reading.validation import invalid, parse_uuid
from julep_project.core.storage_errors import as_domain_error

PAGING = ("limit", "offset", "sort_by", "direction")
METADATA_FILTER: Mapping[str, Json] = {
    "metadata_filter": {"type": "object", "description": "Metadata the items must have"}
}


@dataclass(frozen=True, slots=True)
class SystemCall:
    """One call of an operation. `depth` goes into whatever it starts; `timeout_s` bounds the call if it may last.
    With `from_model` a model reads the result. `secret_names` are the secrets that the author of the call names: a
    definition that it makes may name these, and no others."""

    developer: Developer
    arguments: Mapping[str, Json]
    idempotency_key: str
    depth: int = 1
    timeout_s: float | None = None
    from_model: bool = False
    secret_names: frozenset[str] = frozenset()

    def id(self, name: str) -> UUID:
        """An argument that is an id.

        Raises:
            InvalidInput: it is missing or no UUID.
        """
        value = self.arguments.get(name)
        if value is None:
            raise invalid([name], "missing")
        return parse_uuid(str(value), name)

    def besides(self, *ids: str) -> dict[str, Json]:
        """The arguments that are none of these: those of a body."""
        return {name: value for name, value in self.arguments.items() if name not in ids}

    def new_id(self) -> UUID:
        """The id of what the call creates: a repeated call does not create it again."""
        return uuid5(self.developer.pk, self.idempotency_key)

    def paging(self, *, max_limit: int = 1000) -> PageRequest:
        """The part of a list that is asked for.

        Raises:
            BadRequest, InvalidInput: as in the lists of the API.
        """
        texts = {name: str(self.arguments[name]) for name in PAGING if name in self.arguments}
        return read_page_request(texts, max_limit=max_limit)

    def narrowed(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """The rows with the metadata that `metadata_filter` asks for."""
        wanted = self.arguments.get("metadata_filter")
        return rows.filter(object_condition(wanted)) if isinstance(wanted, Mapping) else rows


Function = Callable[[SystemCall], Json]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation by its dotted name (`agent.tool.create`); `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Json]
    run: Function


_operations: dict[str, Operation] = {}


def operation(
    *names: str,
    ids: str = "",
    body: type[Body] | None = None,
    partial: bool = False,
    page: int = 0,
    more: Mapping[str, Json] | None = None,
    is_open: bool = False,
    text: str = "",
) -> Callable[[Function], Function]:
    """Let tools use the function under these dotted names. Models are told its docstring, unless a `text` is given.

    Args:
        ids: names of required ids, separated by blanks.
        body: what its further arguments are read with; `partial` if all of them may be left out.
        page: the largest `limit`, if it takes the arguments of a list.
        more: schemas of other optional arguments.
        is_open: whether arguments of other names mean something too.

    Raises:
        ValueError: a name is taken.
    """
    parameters = _parameters(ids.split(), body_schema(body, partial=partial) if body else {}, page, more or {})
    if is_open:
        parameters["additionalProperties"] = True

    def register(function: Function) -> Function:
        description = text or " ".join((function.__doc__ or "").split())
        for name in names:
            if name in _operations:
                raise ValueError(f"the operation {name!r} is registered already")
            _operations[name] = Operation(name, description, parameters, function)
        return function

    return register


def all_operations() -> list[Operation]:
    """Every registered operation, by name."""
    return [_operations[name] for name in sorted(_operations)]


def find_operation(spec: Mapping[str, Json]) -> Operation | None:
    """The operation a definition means."""
    return _operations.get(name_of_operation(spec))


def names_like(spec: Mapping[str, Json]) -> list[str]:
    """The operations of the same resource, by name."""
    return [name for name in sorted(_operations) if name.split(".")[0] == spec.get("resource")]


def run(call: ToolCall) -> Json:
    """Carry out the operation for the caller's developer.

    Raises:
        ToolError
    """
    operation = find_operation(call.spec)
    if operation is None:
        raise ToolError(f"there is no operation {name_of_operation(call.spec)!r}")
    asked = SystemCall(
        developer=call.developer,
        arguments=_flat(operation, call.arguments),
        idempotency_key=call.idempotency_key,
        depth=call.depth,
        timeout_s=call.timeout_s,
        from_model=call.from_model,
        secret_names=call.secret_names,
    )
    try:
        return operation.run(asked)
    except DomainError as error:
        raise as_tool_error(error) from error
    except DatabaseError as error:
        known = as_domain_error(error, operation=str(call.spec["operation"]), resource=str(call.spec["resource"]))
        if known is None:
            raise
        raise as_tool_error(known) from error


def flat(spec: Mapping[str, Json], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The arguments of a call as the operation that the spec means reads them."""
    operation = find_operation(spec)
    return arguments if operation is None else _flat(operation, arguments)


def _parameters(ids: list[str], body: Mapping[str, Json], page: int, more: Mapping[str, Json]) -> dict[str, Json]:
    properties: dict[str, Json] = {name: {"type": "string", "format": "uuid"} for name in ids}
    properties.update(body.get("properties", {}))
    if page:
        properties.update(paging_schemas(page))
    schema: dict[str, Json] = {"type": "object", "properties": {**properties, **more}}
    required = [*ids, *body.get("required", ())]
    return {**schema, "required": required} if required else schema


def name_of_operation(spec: Mapping[str, Json]) -> str:
    """The dotted name of the operation that a definition means."""
    parts = (spec.get("resource"), spec.get("subresource"), spec.get("operation"))
    return ".".join(str(part) for part in parts if part)


def _flat(operation: Operation, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments without nulls; the fields of a body may also stand in an object `data`."""
    given = {name: value for name, value in arguments.items() if value is not None}
    if "data" in operation.parameters["properties"] or not isinstance(given.get("data"), Mapping):
        return given
    return {**given.pop("data"), **given}


def as_tool_error(error: DomainError) -> ToolError:
    """The error of an operation as that of a tool."""
    message = error.explanation
    if isinstance(error, CostLimitExceeded):  # no arguments would do
        return ToolError(message, delivery=Delivery.ANSWERED if error.is_final else Delivery.NOT_SENT)
    if 400 <= error.status < 500 and not error.retryable:
        return BadArguments(message)
    again = error.retryable and not error.is_final
    delivery = Delivery.NOT_SENT if again else Delivery.ANSWERED
    return ToolError(message, retryable=again, repeatable=error.repeatable, delivery=delivery)
