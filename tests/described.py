"""Answers held to the API description: what any test receives must be what the document says."""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from julep_project.core.api.api_document import openapi_document

_PREFIX = re.compile(r"^(?:/api)?(?:/v1)?(?=/)")
# What is larger is large by one value.
_LARGEST = 256 * 1024
_PARAMETER = re.compile(r"\{[^}]+\}")


def problem_of(method: str, path: str, answer: Any) -> str | None:
    """How an answer differs from the description; None if it does not, or is of no operation that is described."""
    operation = _operation(method, _PREFIX.sub("", path.partition("?")[0]).rstrip("/"))
    if operation is None or answer.streaming or len(answer.content) > _LARGEST:
        return None
    place, described = operation
    if answer.headers.get("Content-Type", "") != "application/json":
        return None
    found = described["responses"].get(str(answer.status_code))
    if found is None:
        return f"{place}: a {answer.status_code} is not described"
    reference = found.get("$ref")
    found = _document()["components"]["responses"][reference.rpartition("/")[2]] if reference else found
    schema = found.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return f"{place}: a {answer.status_code} has no body"
    error = next(_validator(json.dumps(schema)).iter_errors(json.loads(answer.content)), None)
    return None if error is None else f"{place} {answer.status_code}: {error.json_path}: {error.message[:300]}"


@cache
def _document() -> Any:
    return _closed(json.loads(openapi_document()))


def _closed(schema: Any) -> Any:
    """The same, but with no key in an object that is not described."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    """Patterns of paths, those that say more of it first."""
    paths = sorted(_document()["paths"], key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(_PARAMETER.sub("[^/]+", path)), path) for path in paths]


@cache
def _operation(method: str, path: str) -> tuple[str, Any] | None:
    for pattern, template in _routes():
        if pattern.fullmatch(path):
            found = _document()["paths"][template].get(method.lower())
            return None if found is None else (f"{method} {template}", found)
    return None


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": _document()["components"]})
