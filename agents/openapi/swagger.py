"""Operations of Swagger 2.0 in the form that OpenAPI 3 gives them."""

from collections.abc import Mapping
from typing import Any

from agents.openapi.document import Document, NotExpressible
from julep_project.core.json_value import Json

Parts = dict[str, Any]

_STYLES: Mapping[str, Parts] = {
    "csv": {"explode": False},
    "multi": {"explode": True},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
}
_MOST_TYPES = 50
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def as_operation(document: Document, operation: Mapping[str, Json], parameters: list[Mapping[str, Json]]) -> Parts:
    """The operation with a body, given all its parameters as they stand.

    Raises:
        NotExpressible
    """
    consumed = operation.get("consumes", document.root.get("consumes"))
    types = [name for name in consumed[:_MOST_TYPES] if isinstance(name, str)] if isinstance(consumed, list) else []
    kept = [_parameter(each) for each in parameters if each.get("in") not in ("body", "formData")]
    fields = [each for each in parameters if each.get("in") == "formData"]
    bodies = [each for each in parameters if each.get("in") == "body"]
    whole: Parts = {**operation, "parameters": kept}
    if bodies:
        content = {name: {"schema": bodies[0].get("schema")} for name in types or ["application/json"]}
        whole["requestBody"] = {"required": bodies[0].get("required"), "content": content}
    elif fields:
        whole["requestBody"] = {"required": True, "content": _form(fields, types)}
    return whole


def servers_of(document: Document) -> list[Parts]:
    """Its one server, as a list of them."""
    schemes = document.root.get("schemes")
    known = [name for name in ("https", "http") if isinstance(schemes, list) and name in schemes]
    host, path = document.root.get("host"), str(document.root.get("basePath") or "/")
    return [{"url": f"{known[0] if known else 'https'}://{host}{path}" if isinstance(host, str) else path}]


def as_scheme(scheme: Mapping[str, Json]) -> Mapping[str, Json]:
    """A security scheme."""
    return {"type": "http", "scheme": "basic"} if scheme.get("type") == "basic" else scheme


def _parameter(parameter: Mapping[str, Json]) -> Parts:
    names = ("name", "in", "required", "description")
    given = {name: parameter[name] for name in names if name in parameter}
    if parameter.get("type") != "array":
        return {**given, "schema": parameter}
    collected = str(parameter.get("collectionFormat") or "csv")
    if collected not in _STYLES:
        raise NotExpressible(f"lists in the form {collected[:20]!r} are not supported")
    return {**given, "schema": parameter, **_STYLES[collected]}


def _form(fields: list[Mapping[str, Json]], types: list[str]) -> Parts:
    has_files = any(each.get("type") == "file" for each in fields)
    name = _FORMS[1] if has_files or (_FORMS[1] in types and _FORMS[0] not in types) else _FORMS[0]
    properties = {str(each.get("name")): _field(each) for each in fields}
    required = [str(each.get("name")) for each in fields if each.get("required") is True]
    return {name: {"schema": {"type": "object", "properties": properties, "required": required}}}


def _field(field: Mapping[str, Json]) -> Parts:
    schema = {name: part for name, part in field.items() if name not in ("name", "in", "required")}
    return {**schema, "type": "string", "format": "binary"} if field.get("type") == "file" else schema
