"""Turns the definition of an `api_call` and the arguments of one call into a request."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence, Set

from django.conf import settings

from agents.tools.api_call.places import Places, place, places_of
from agents.tools.errors import ToolError
from agents.tools.registry import ToolCall
from julep_project.core.http.request import OutgoingRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.outside_json import read_json

LONGEST_TIMEOUT_S = 255
REQUEST_FIELDS = frozenset(
    {
        "url",
        "method",
        "headers",
        "follow_redirects",
        "include_response_content",
        "content",
        "data",
        "json",
        "cookies",
        "params",
        "files",
        "timeout",
    }
)
_BODY_FIELDS = ("content", "data", "json", "files")
_CONTENT_FIELDS = frozenset({*_BODY_FIELDS, "params"})
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_FORM = "application/x-www-form-urlencoded"


def build_request(call: ToolCall) -> OutgoingRequest:
    """The request of a call.

    Raises:
        ToolError: an argument has the wrong type, or has no place in the request.
    """
    places = places_of(call.spec)
    given, values = _split(call.arguments, call.by_model, places)
    fields = _merged(call, given)
    method = str(fields.get("method") or "GET").upper()
    if values:
        _place_values(fields, values, method)
    place(places, call.arguments, fields)
    headers = {str(name): _text(value) for name, value in _object(fields, "headers").items()}
    headers = _with_default(headers, "Idempotency-Key", call.idempotency_key)
    headers = _with_basic(headers, call.spec.get("basic"))
    body = _body(fields, headers)
    return OutgoingRequest(
        method=method,
        url=_text(fields.get("url") or ""),
        headers=headers,
        params=_flat(fields["params"]) if isinstance(fields.get("params"), Mapping) else fields.get("params"),
        cookies={name: _text(value) for name, value in _object(fields, "cookies").items()},
        follow_redirects=bool(fields.get("follow_redirects")),
        timeout_s=_timeout_s(call, fields),
        **body,
    )


def wants_content(call: ToolCall) -> bool:
    """Whether the result carries the body: the call decides, then the definition, else yes."""
    given, _ = _split(call.arguments, call.by_model, places_of(call.spec))
    for source in (given, call.spec):
        wanted = source.get("include_response_content")
        if wanted is not None:
            return bool(wanted)
    return True


def _split(
    arguments: Mapping[str, Json], by_model: Set[str], places: Places
) -> tuple[dict[str, Json], dict[str, Json]]:
    """Fields of the request, and values of the call, without those that have a place.

    Nulls count as not given; `json_` is another name of `json`. What a model supplies may be the body or the query,
    never where the request goes and how: it is a value then.
    """
    fields: dict[str, Json] = {}
    values: dict[str, Json] = {}
    for name, value in arguments.items():
        field = "json" if name == "json_" else name
        if name in places:
            continue
        if field not in REQUEST_FIELDS or (name in by_model and field not in _CONTENT_FIELDS):
            values[name] = value
        elif value is not None:
            fields[field] = value
    return fields, values


def _merged(call: ToolCall, given: Mapping[str, Json]) -> dict[str, Json]:
    defined = {name: value for name, value in call.spec.items() if name in REQUEST_FIELDS and value is not None}
    if any(name in given for name in _BODY_FIELDS):
        defined = {name: value for name, value in defined.items() if name not in _BODY_FIELDS}
    merged = {**defined, **given}
    for name in ("headers", "cookies", "params"):
        if isinstance(defined.get(name), Mapping) and isinstance(given.get(name), Mapping):
            merged[name] = _overlaid(defined[name], given[name], any_case=name == "headers")
    return merged


def _overlaid(under: Mapping[str, Json], over: Mapping[str, Json], *, any_case: bool) -> dict[str, Json]:
    hidden = {name.lower() for name in over} if any_case else set(over)
    kept = {name: value for name, value in under.items() if (name.lower() if any_case else name) not in hidden}
    return {**kept, **over}


def _place_values(fields: dict[str, Json], values: Mapping[str, Json], method: str) -> None:
    """Put values of the call into the JSON body, or into the query for methods without one."""
    place = "json" if method in _BODY_METHODS else "params"
    taken = fields.get(place)
    if place == "json" and any(name in fields for name in ("content", "data", "files")):
        taken = "another body"
    if taken is not None and not isinstance(taken, Mapping):
        names = ", ".join(sorted(values))
        raise ToolError(f"no place for the arguments {names}: the request already has its {place}")
    fields[place] = {**(taken or {}), **values}


def _body(fields: Mapping[str, Json], headers: dict[str, str]) -> dict[str, Json]:
    present = [name for name in _BODY_FIELDS if name in fields]
    if len(present) > 1 and present != ["data", "files"]:
        raise ToolError(f"a request has one body; given are {', '.join(present)}")
    if "content" in fields:
        return {"content": _content(fields["content"], headers)}
    if "json" in fields:
        return {"json": fields["json"]}
    data = fields.get("data")
    if isinstance(data, str) and "files" not in fields:
        headers.update(_with_default(headers, "Content-Type", _FORM))
        return {"content": data}
    body: dict[str, Json] = {}
    if data is not None:
        body["data"] = _flat(_object(fields, "data"))
    if "files" in fields:
        body["files"] = [(name, _file(name, value)) for name, value in _object(fields, "files").items()]
    return body


def _content(content: Json, headers: Mapping[str, str]) -> str:
    """The body as given. Under a JSON content type, text that is not JSON would be refused by any receiver, so it is
    sent as `{"content": text}`, which is also what chat webhooks take."""
    if not isinstance(content, str):
        return json.dumps(content, ensure_ascii=False)
    if "json" not in _content_type(headers):
        return content
    try:
        read_json(content)
    except ValueError:
        return json.dumps({"content": content}, ensure_ascii=False)
    return content


def _content_type(headers: Mapping[str, str]) -> str:
    return next((value.lower() for name, value in headers.items() if name.lower() == "content-type"), "")


def _file(name: str, value: Json) -> tuple[str | None, bytes, str | None]:
    """A file of a form: its text, or `{filename?, content? or base64?, content_type?}`. With an empty name it is a
    field like any other."""
    if isinstance(value, str):
        return name, value.encode(), None
    if not isinstance(value, Mapping) or ("content" in value) == ("base64" in value):
        raise ToolError(f"the file {name!r} must be a text, or an object with either content or base64")
    try:
        content = base64.b64decode(value["base64"], validate=True) if "base64" in value else value["content"].encode()
    except (binascii.Error, TypeError, ValueError, AttributeError) as error:
        raise ToolError(f"the file {name!r} cannot be read: {error}") from error
    filename = value.get("filename")
    return (filename or name if filename != "" else None), content, value.get("content_type")


def _flat(values: Mapping[str, Json]) -> dict[str, Json]:
    """Form and query values: texts and numbers, lists of them; deeper values become JSON text. Nulls are left out."""
    return {name: _flat_value(value) for name, value in values.items() if value is not None}


def _flat_value(value: Json) -> Json:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_text(item) for item in value if item is not None]
    return _text(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object(fields: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """A field that is an object, without its nulls."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ToolError(f"{name} must be an object")
    return {key: inner for key, inner in value.items() if inner is not None}


def _with_default(headers: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    return dict(headers) if any(key.lower() == name.lower() for key in headers) else {**headers, name: value}


def _with_basic(headers: dict[str, str], basic: Json) -> dict[str, str]:
    """With the user and password of the definition, unless there is another authorisation."""
    if not isinstance(basic, Mapping):
        return headers
    pair = f"{basic.get('username', '')}:{basic.get('password', '')}"
    return _with_default(headers, "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")


def _timeout_s(call: ToolCall, fields: Mapping[str, Json]) -> float | None:
    """The time-out of the call or the tool, and never more than the step has."""
    own = fields.get("timeout")
    if own is not None and (
        isinstance(own, bool) or not isinstance(own, int | float) or not 0 < own <= LONGEST_TIMEOUT_S
    ):
        raise ToolError(f"timeout must be a number of seconds above 0 and at most {LONGEST_TIMEOUT_S}")
    if own is None:
        own = settings.JULEP_HTTP_TIMEOUT_S
    return float(own if call.timeout_s is None else min(own, call.timeout_s))
