"""Parameters and bodies of an operation as the arguments of a tool: one flat object, and a place for each of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from agents.openapi.credentials import TOKEN, Credentials
from agents.openapi.document import Document, NotExpressible
from agents.openapi.schemas import Schema, Translator, merged
from agents.openapi.texts import argument_name, cleaned
from julep_project.core.json_value import Json

MOST_ARGUMENTS = 64
_LONGEST_NAME = 200
_LONGEST_TEXT = 300
_MOST_TYPES = 50
# Of the connection, of the client, or of what authenticates a call.
_NOT_ARGUMENTS = frozenset(
    "accept accept-encoding authorization connection content-length content-type cookie host idempotency-key te "
    "proxy-authorization trailer transfer-encoding upgrade user-agent".split()
)
_PLACES = ("path", "query", "header", "cookie")
_QUERY_STYLES = {"spaceDelimited": "space", "pipeDelimited": "pipe"}
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_BINARY = frozenset({"binary", "byte", "base64"})
_FILE: Schema = {
    "anyOf": [
        {"type": "string", "description": "Its text"},
        {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("filename", "content", "base64", "content_type")},
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: `name` is what it is called where it goes, `label` what tells it from others of this name."""

    name: str
    where: str
    schema: Schema
    is_required: bool = False
    style: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """All arguments. `spec` are further parts of the definition, `left_out` what cannot be supplied."""

    arguments: list[Argument] = field(default_factory=list)
    spec: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def named(self) -> dict[str, Argument]:
        """The arguments by the names that models call them by: of several with one name each has its place before it.

        Raises:
            NotExpressible: there are too many.
        """
        if len(self.arguments) > MOST_ARGUMENTS:
            raise NotExpressible(f"it has more than {MOST_ARGUMENTS} arguments")
        plain = [argument_name(each.name, each.label) for each in self.arguments]
        often = Counter(plain)
        found: dict[str, Argument] = {}
        for name, each in zip(plain, self.arguments, strict=True):
            wanted = name if often[name] == 1 else f"{each.label}_{name}"
            number = 1
            while (free := wanted if number == 1 else f"{wanted}_{number}") in found or (number > 1 and free in often):
                number += 1
            found[free] = each
        return found


def form_of(
    document: Document,
    parameters: Iterable[Mapping[str, Json]],
    body: Json,
    credentials: Credentials,
    translator: Translator,
) -> Form:
    """The arguments of an operation with these parameters and this body.

    Raises:
        NotExpressible: one that it needs cannot be supplied.
    """
    form = Form()
    for parameter in parameters:
        name, where = str(parameter.get("name") or ""), str(parameter.get("in"))
        if _is_set(name, where, credentials):
            continue
        try:
            form.arguments.extend(_of_parameter(name, where, parameter, translator))
        except NotExpressible as error:
            if where == "path" or parameter.get("required") is True:
                raise NotExpressible(f"its parameter {name[:60]!r}: {error}") from error
            form.left_out.append(name[:_LONGEST_NAME])
    if body is not None:
        _add_body(form, document.resolved(body), document, translator)
    return form


def _is_set(name: str, where: str, credentials: Credentials) -> bool:
    if where == "header" and name.lower() in _NOT_ARGUMENTS:
        return True
    return (where, name.lower() if where == "header" else name) in credentials.taken


def _of_parameter(name: str, where: str, parameter: Mapping[str, Json], translator: Translator) -> Iterator[Argument]:
    if where not in _PLACES or not name or len(name) > _LONGEST_NAME:
        raise NotExpressible("it has no name, or no place that is known")
    if where in ("header", "cookie") and not TOKEN.fullmatch(name):
        raise NotExpressible("its name cannot be sent")
    given, style = _schema_and_style(where, parameter)
    schema = translator.translated(given)
    if description := cleaned(parameter.get("description"), _LONGEST_TEXT):
        schema["description"] = description
    one = Argument(name, where, schema, where == "path" or parameter.get("required") is True, style, where)
    if not _is_object(schema) or style in ("json", "brackets"):
        yield one
    elif where == "query" and style == "repeated" and (whole := merged(schema)) and whole["properties"]:
        for key, part in whole["properties"].items():
            yield replace(one, name=key, schema=part, is_required=one.is_required and key in whole["required"])
    else:
        raise NotExpressible("objects cannot be written there")


def _schema_and_style(where: str, parameter: Mapping[str, Json]) -> tuple[Json, str | None]:
    content = parameter.get("content")
    if isinstance(content, Mapping):
        media = next((part for name, part in islice(content.items(), _MOST_TYPES) if _is_json(name)), None)
        if not isinstance(media, Mapping):
            raise NotExpressible("it is written in a form that is not supported")
        return media.get("schema"), "json"
    style = str(parameter.get("style") or ("form" if where in ("query", "cookie") else "simple"))
    if where != "query":
        if style != ("form" if where == "cookie" else "simple"):
            raise NotExpressible(f"the style {style[:30]!r} is not supported")
        return parameter.get("schema"), None
    if style == "deepObject":
        return parameter.get("schema"), "brackets"
    if style != "form" and style not in _QUERY_STYLES:
        raise NotExpressible(f"the style {style[:30]!r} is not supported")
    if parameter.get("explode", style == "form") is not False:
        return parameter.get("schema"), "repeated"
    return parameter.get("schema"), _QUERY_STYLES.get(style, "comma")


def _add_body(form: Form, body: Mapping[str, Json], document: Document, translator: Translator) -> None:
    given = body.get("content")
    content = dict(islice(given.items(), _MOST_TYPES)) if isinstance(given, Mapping) else {}
    is_required = body.get("required") is True
    name = _chosen(content)
    if name is None:
        if is_required:
            raise NotExpressible(f"its body is of a type that is not supported ({', '.join(content)[:100]})")
        if content:
            form.left_out.append("body")
        return
    media = content[name]
    given_schema = media.get("schema") if isinstance(media, Mapping) else None
    schema = translator.translated(given_schema)
    whole = merged(schema)
    if _plain(name) == _MULTIPART:
        given_schema = document.resolved(given_schema)
    if _is_json(name):
        _add_json(form, name, schema, whole, is_required)
    elif _plain(name) in (_URLENCODED, _MULTIPART):
        if not whole or not whole["properties"]:
            raise NotExpressible("its form has no fields that are known")
        form.arguments.extend(_fields(whole, is_required, is_multipart=_plain(name) == _MULTIPART))
    else:
        form.spec["headers"] = {"Content-Type": _plain(name)}
        form.arguments.append(Argument("body", "content", {**schema, "type": "string"}, is_required, None, "body"))


def _add_json(form: Form, name: str, schema: Schema, whole: Schema | None, is_required: bool) -> None:
    if _plain(name) not in ("application/json", "*/*"):
        form.spec["headers"] = {"Content-Type": _plain(name)}
    if whole is None or not whole["properties"]:
        form.arguments.append(Argument("body", "body", schema, is_required, None, "body"))
        return
    if is_required:
        form.spec["json"] = {}
    form.arguments.extend(
        Argument(key, "json", part, is_required and key in whole["required"], None, "body")
        for key, part in whole["properties"].items()
    )


def _fields(whole: Schema, is_required: bool, *, is_multipart: bool) -> Iterator[Argument]:
    for key, part in whole["properties"].items():
        is_file = part.get("format") in _BINARY and is_multipart
        where = "files" if is_file else "part" if is_multipart else "data"
        about = {"description": part["description"]} if "description" in part else {}
        schema = {**about, **_FILE} if is_file else part
        yield Argument(key, where, schema, is_required and key in whole["required"], None, "body")


def _chosen(content: Mapping[str, Json]) -> str | None:
    """The type of the body that is sent, the best known of those that may be."""
    wanted: list[Callable[[str], bool]] = [
        _is_json,
        lambda name: _plain(name) == _URLENCODED,
        lambda name: _plain(name) == _MULTIPART,
        lambda name: _plain(name).startswith("text/"),
    ]
    found = [name for fits in wanted for name in content if fits(name) and _is_plain(name)]
    return found[0] if found else None


def _is_plain(name: str) -> bool:
    kind, _, rest = _plain(name).partition("/")
    return _plain(name) == "*/*" or bool(TOKEN.fullmatch(kind) and TOKEN.fullmatch(rest) and "*" not in kind + rest)


def _is_json(name: str) -> bool:
    plain = _plain(name)
    return plain in ("application/json", "text/json", "*/*") or plain.endswith("+json")


def _plain(name: str) -> str:
    """The type without parameters."""
    return name.partition(";")[0].strip().lower()


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
