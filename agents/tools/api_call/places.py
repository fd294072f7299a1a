"""Puts arguments of an `api_call` where its definition says that they go.

`places` of the definition names a place for each of them. What they hold never decides where a call goes: one of a path
fills its own segment and nothing beside, one of a header or a cookie cannot end it.
"""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote

from agents.tools.errors import BadArguments, ToolError
from julep_project.core.json_value import Json

PLACES = ("path", "query", "header", "cookie", "json", "data", "part", "files", "body", "content")
# How a list or an object is written as text; without one, a list is repeated in a query and joined by commas elsewhere.
STYLES = ("repeated", "comma", "space", "pipe", "brackets", "json")

_SEPARATORS = {"comma": ",", "space": " ", "pipe": "|"}
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*+://[^/?#\\]*+)([^?#]*+)(.*+)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w++)\}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*+")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*+")
_DOTS = frozenset({".", ".."})
# Servers read an address as often as there are of them behind one another.
_READ_AT_MOST = 3

Fields = dict[str, Json]
Places = Mapping[str, Mapping[str, Json]]


def places_of(spec: Mapping[str, Json]) -> Places:
    """The places that a definition names, by argument."""
    given = spec.get("places")
    named = given.items() if isinstance(given, Mapping) else ()
    return {name: at for name, at in named if isinstance(at, Mapping) and at.get("in") in PLACES}


def place(places: Places, placed: Mapping[str, Json], fields: Fields) -> None:
    """Put the arguments into the fields of a request. Nulls are left out, but for those of a JSON body.

    Raises:
        BadArguments: a value cannot stand in its place, or one that the path needs is missing.
        ToolError: the request has something else in its place.
    """
    segments: dict[str, str] = {}
    for name, at in places.items():
        where, value = str(at.get("in")), placed.get(name)
        if where == "path":
            segments[name] = _segment(name, value, at)
        elif name in placed and (value is not None or where in ("json", "body")):
            _PUT[where](fields, str(at.get("name") or name), value, at)
    if segments:
        fields["url"] = _filled(str(fields.get("url") or ""), segments)


def _segment(name: str, value: Json, at: Mapping[str, Json]) -> str:
    if value is None:
        raise BadArguments(f"the path needs the argument {name}")
    text = _joined(name, value, at)
    read = text
    for _ in range(_READ_AT_MOST):
        if not text or read in _DOTS or "/" in read or "\\" in read:
            raise BadArguments(f"the argument {name} is one part of a path: not empty, no dots alone, no slashes")
        read = unquote(read)
    return quote(text, safe="," if isinstance(value, list) else "")


def _filled(url: str, segments: Mapping[str, str]) -> str:
    """The URL with the segments in its path, and only there."""
    parts = _URL.fullmatch(url.strip())
    found: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        found.add(match[1])
        return segments.get(match[1], match[0])

    start, path, rest = parts.groups() if parts else ("", "", "")
    filled = "/".join(_PLACEHOLDER.sub(fill, part) for part in path.split("/"))
    if missing := segments.keys() - found:
        raise ToolError(f"no place for the arguments {', '.join(sorted(missing))}: the path of the URL has none")
    pairs = zip(path.split("/"), filled.split("/"), strict=True)
    if any(after in _DOTS for before, after in pairs if before != after):
        raise BadArguments("the arguments of the path would lead out of it")
    return start + filled + rest


def _put_query(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
    params = _mapping(fields, "params", name)
    style = at.get("style", "repeated")
    if style == "brackets" and isinstance(value, Mapping):
        fields["params"] = {**params, **{f"{name}[{key}]": part for key, part in value.items()}}
    elif style in ("repeated", "brackets") and isinstance(value, list):
        fields["params"] = {**params, name: value}
    else:
        fields["params"] = {**params, name: _joined(name, value, at)}


def _put_header(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
    text = _joined(name, value, at)
    if not _HEADER_VALUE.fullmatch(text):
        raise BadArguments(f"the header {name} can only hold printable ASCII characters")
    headers = _mapping(fields, "headers", name)
    fields["headers"] = {**{key: part for key, part in headers.items() if key.lower() != name.lower()}, name: text}


def _put_cookie(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
    text = _joined(name, value, at)
    if not _COOKIE_VALUE.fullmatch(text):
        raise BadArguments(f"the cookie {name} can hold no blanks, quotes, commas, semicolons or backslashes")
    fields["cookies"] = {**_mapping(fields, "cookies", name), name: text}


def _put_part(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
    fields["files"] = {**_mapping(fields, "files", name), name: {"content": _text(value), "filename": ""}}


def _into(field: str) -> Callable[[Fields, str, Json, Mapping[str, Json]], None]:
    def put(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
        fields[field] = {**_mapping(fields, field, name), name: value}

    return put


def _as(field: str) -> Callable[[Fields, str, Json, Mapping[str, Json]], None]:
    def put(fields: Fields, name: str, value: Json, at: Mapping[str, Json]) -> None:
        fields[field] = value

    return put


_PUT: Mapping[str, Callable[[Fields, str, Json, Mapping[str, Json]], None]] = {
    "query": _put_query,
    "header": _put_header,
    "cookie": _put_cookie,
    "json": _into("json"),
    "data": _into("data"),
    "part": _put_part,
    "files": _into("files"),
    "body": _as("json"),
    "content": _as("content"),
}


def _mapping(fields: Fields, field: str, name: str) -> Mapping[str, Json]:
    taken = fields.get(field)
    if taken is not None and not isinstance(taken, Mapping):
        raise ToolError(f"no place for the argument {name}: the request already has its {field}")
    return taken or {}


def _joined(name: str, value: Json, at: Mapping[str, Json]) -> str:
    """The value as one text."""
    style = str(at.get("style", "comma"))
    if style == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return _SEPARATORS.get(style, ",").join(_text(item) for item in value)
    if isinstance(value, Mapping):
        raise BadArguments(f"the argument {name} cannot be an object")
    return _text(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
