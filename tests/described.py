"""Answers held to the API description: what any test receives must be what the document says."""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from julep_project.core.api.api_document import openapi_document

_PREFIX = re.compile(r"^/api(?=/)")
_VERSION = re.compile(r"^/v1(?=/)")
# What is larger is large by one value.
_LARGEST = 256 * 1024
_PARAMETER = re.compile(r"\{[^}]+\}")
# It may be one of a list; other texts are alike for a schema.
_WORD = re.compile(r"[a-z_]{1,24}")
# Places with a status and the shape of an answer that was as it is described.
_FITTING: set[tuple[str, int, int]] = set()


def prepare() -> None:
    """Read the description now, so that it does not cost the first answer its time."""
    _document()


def hold(method: str, path: str, answer: Any) -> Any:
    """The same answer, if it is as it is described."""
    problem = problem_of(method, path, answer)
    assert problem is None, problem
    return answer


def problem_of(method: str, path: str, answer: Any) -> str | None:
    """How an answer differs from the description; None if it does not, or is of no operation that is described."""
    bare = _PREFIX.sub("", path.partition("?")[0]).rstrip("/")
    # Few routes are others under `/v1`.
    operation = _operation(method, bare) or _operation(method, _VERSION.sub("", bare))
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
    body = json.loads(answer.content)
    known = (place, answer.status_code, hash(_shape(body)))
    error = None if known in _FITTING else next(_validator(json.dumps(schema)).iter_errors(body), None)
    if error is None:
        _FITTING.add(known)
        return None
    return f"{place} {answer.status_code}: {error.json_path}: {error.message[:300]}"


def _shape(value: Any) -> Any:
    """The same for values that a schema takes or refuses alike, so that only one of them is held to it."""
    if isinstance(value, dict):
        return frozenset((name, _shape(part)) for name, part in value.items())
    if isinstance(value, list):
        return list, frozenset(map(_shape, value))
    return value if isinstance(value, str) and _WORD.fullmatch(value) else type(value)


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


# What has to be forgotten where the description is to be another one for a while.
OF_THE_DESCRIPTION = (openapi_document, _document, _routes, _operation, _validator)
