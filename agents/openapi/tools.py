"""One operation of a document as the body of an `api_call` tool."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from agents.openapi import swagger
from agents.openapi.arguments import Argument, Form, form_of
from agents.openapi.credentials import Credentials, Login, credentials_for
from agents.openapi.document import Document, NotExpressible
from agents.openapi.schemas import Effort, Translator
from agents.openapi.servers import ChosenServer, server_of_operation
from agents.openapi.texts import cleaned, tool_name
from agents.tool_definitions import ToolDefinition, parse_tool
from agents.tools.secret_names import names_of
from julep_project.core.errors import InvalidInput
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
LARGEST_TOOL = 64 * 1024
# Of a whole document; beyond is a machine's trick.
_MOST_OPERATIONS = 20_000
_MOST_PARAMETERS = 200
_LONGEST_DESCRIPTION = 1000
_LONGEST_ID = 200
_LONGEST_PATH = 1000
_MOST_ANSWERS = 50
_PLACE = re.compile(r"\{([^{}]*+)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*+")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as the document has it. `id` is its `operationId`, else its method and path."""

    id: str
    method: str
    path: str
    item: Mapping[str, Json]
    body: Mapping[str, Json]

    @property
    def tags(self) -> frozenset[str]:
        found = self.body.get("tags")
        return frozenset(tag for tag in found if isinstance(tag, str)) if isinstance(found, list) else frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How operations become tools: `root` is the address of the document's server."""

    document: Document
    root: str
    server: ChosenServer
    auth: Mapping[str, Login] = field(default_factory=dict)
    prefix: str = ""
    effort: Effort = field(default_factory=Effort)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets that the importer gives."""
        return frozenset(login.secret for login in self.auth.values() if login.secret)


def operations_of(document: Document) -> Iterator[Operation]:
    """Every operation, in the order of the document."""
    count = 0
    for path, given in document.root["paths"].items():
        try:
            item = document.resolved(given)
        except NotExpressible:
            continue
        for method, body in item.items():
            if method not in METHODS or not isinstance(body, Mapping) or count >= _MOST_OPERATIONS:
                continue
            count += 1
            own = body.get("operationId")
            named = own if isinstance(own, str) and own else f"{method.upper()} {path}"
            yield Operation(named[:_LONGEST_ID], method.upper(), str(path), item, body)


def definition_of(operation: Operation, wanted: Wanted) -> tuple[ToolDefinition, list[str]]:
    """The tool of an operation, and the parameters that it cannot supply.

    Raises:
        NotExpressible
    """
    document = wanted.document
    parameters = _parameters(document, operation)
    body = operation.body
    if document.is_swagger:
        body = swagger.as_operation(document, body, parameters)
        parameters = body["parameters"]
    credentials = credentials_for(document, body, wanted.auth)
    form = form_of(document, parameters, body.get("requestBody"), credentials, Translator(document, wanted.effort))
    arguments = form.named()
    server = server_of_operation(document, operation.item, body, wanted.root, wanted.server)
    spec = {
        "method": operation.method,
        "url": server + _path(operation.path, arguments),
        **_joined(credentials, form),
        "places": {name: _place(name, each) for name, each in arguments.items()},
        "params_schema": _schema(arguments),
        "include_response_content": not _answers_json(document, operation.body),
    }
    return _checked(tool_name(operation.id, wanted.prefix), _description(operation), spec, wanted), form.left_out


def _checked(name: str, description: str, spec: dict[str, Any], wanted: Wanted) -> ToolDefinition:
    tool = {"name": name, "type": "api_call", "description": description, "api_call": spec}
    if len(to_json_text(tool)) > LARGEST_TOOL:
        raise NotExpressible(f"its definition has more than {LARGEST_TOOL} characters")
    try:
        definition = parse_tool(tool)
    except InvalidInput as error:
        raise NotExpressible(error.explanation[:500]) from error
    # No text of a document names a secret of its reader.
    if names_of(definition.to_wire()) - wanted.secrets - _in_usernames(wanted):
        raise NotExpressible("it names a secret")
    return definition


def _in_usernames(wanted: Wanted) -> set[str]:
    users = [login.username for login in wanted.auth.values() if login.username]
    return names_of({"type": "api_call", "api_call": {"users": users}})


def _parameters(document: Document, operation: Operation) -> list[Mapping[str, Json]]:
    """Those of the path and of the operation, which win."""
    found: dict[tuple[str, str], Mapping[str, Json]] = {}
    for source in (operation.item, operation.body):
        listed = source.get("parameters")
        if isinstance(listed, list) and len(listed) > _MOST_PARAMETERS:
            raise NotExpressible(f"it has more than {_MOST_PARAMETERS} parameters")
        for each in listed if isinstance(listed, list) else ():
            parameter = document.resolved(each)
            found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    return list(found.values())


def _path(path: str, arguments: Mapping[str, Argument]) -> str:
    """The path with arguments by their names, which are others than parameters have."""
    names = {each.name: name for name, each in arguments.items() if each.where == "path"}
    if len(path) > _LONGEST_PATH or not path.startswith("/") or not _LITERAL.fullmatch(_PLACE.sub("", path)):
        raise NotExpressible("its path cannot be written as it is")
    if any(part in (".", "..") for part in path.split("/")):
        raise NotExpressible("its path leads out of the server's")
    if missing := [name for name in _PLACE.findall(path) if name not in names]:
        raise NotExpressible(f"its path needs {missing[0][:60]!r}, which it does not declare")
    if unused := names.keys() - set(_PLACE.findall(path)):
        raise NotExpressible(f"its path has no place for {sorted(unused)[0][:60]!r}")
    return _PLACE.sub(lambda match: f"{{{names[match[1]]}}}", path)


def _joined(credentials: Credentials, form: Form) -> dict[str, Any]:
    headers = {**form.spec.get("headers", {}), **credentials.spec.get("headers", {})}
    return {**form.spec, **credentials.spec, **({"headers": headers} if headers else {})}


def _place(name: str, argument: Argument) -> dict[str, str]:
    called = {"name": argument.name} if argument.name != name and argument.where != "path" else {}
    style = {"style": argument.style} if argument.style not in (None, "repeated") else {}
    return {"in": argument.where, **called, **style}


def _schema(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    required = [name for name, each in arguments.items() if each.is_required]
    properties = {name: each.schema for name, each in arguments.items()}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _description(operation: Operation) -> str:
    summary = cleaned(operation.body.get("summary"), _LONGEST_DESCRIPTION)
    about = cleaned(operation.body.get("description"), _LONGEST_DESCRIPTION)
    parts = [summary, about if about != summary else ""]
    if operation.body.get("deprecated") is True:
        parts.append("Deprecated.")
    text = "\n".join(part for part in parts if part) or f"{operation.method} {operation.path}"
    return text if len(text) <= _LONGEST_DESCRIPTION else text[: _LONGEST_DESCRIPTION - 3] + "..."


def _answers_json(document: Document, operation: Mapping[str, Json]) -> bool:
    """Whether all that it may answer with is JSON; its bytes need not be told beside the value then."""
    responses = operation.get("responses")
    produced = operation.get("produces", document.root.get("produces")) if document.is_swagger else ()
    types = list(map(str, produced[:_MOST_ANSWERS])) if isinstance(produced, list) else []
    for status, given in islice(responses.items(), _MOST_ANSWERS) if isinstance(responses, Mapping) else ():
        try:
            content = document.resolved(given).get("content")
        except NotExpressible:
            return False
        if str(status).startswith("2") and isinstance(content, Mapping):
            types += map(str, islice(content, _MOST_ANSWERS))
    return bool(types) and all("json" in name for name in types)
