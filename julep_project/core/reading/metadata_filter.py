"""The query parameter `metadata_filter` in every form clients send, as a condition on a JSON column.

Keys and values are data: they only ever become parameters of a containment test, so any text is safe.
"""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.parsers import parse_json

_NAME = "metadata_filter"
_BRACKETS = re.compile(r"(?:\[[^\[\]]*+\])++")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,99})")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,99})(?:\.\d{1,99})?(?:[eE][-+]?\d{1,2})?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 32

Path = tuple[str, ...]


def metadata_condition(query: QueryDict, column: str = "metadata") -> Q:
    """The condition for a query string; matches everything when there is no filter, or none that can be read."""
    conditions = [
        _equals(column, path, texts) for path, texts in _encoded(query).items() if path and len(path) <= _MAX_DEPTH
    ]
    conditions += [object_condition(found, column) for found in map(_decoded, query.getlist(_NAME)) if found]
    return reduce(and_, conditions, Q())


def object_condition(wanted: Mapping[str, Any], column: str = "metadata", path: Path = ()) -> Q:
    """The condition for a filter given as an object (in a body, or as JSON text in a query)."""
    conditions = []
    for key, value in wanted.items():
        here = (*path, key)
        if isinstance(value, Mapping) and value and len(here) < _MAX_DEPTH:
            conditions.append(object_condition(value, column, here))
        else:
            conditions.append(_any_of(column, here, _readings(value)))
    return reduce(and_, conditions, Q())


def _encoded(query: QueryDict) -> dict[Path, list[str]]:
    """Dotted and bracketed keys with their values; an empty value counts as absent."""
    found: dict[Path, list[str]] = {}
    for name in query:
        path = _path(name)
        texts = [text for text in query.getlist(name) if text]
        if path and texts:
            found.setdefault(path, []).extend(texts)
    return found


def _path(name: str) -> Path:
    if name.startswith(f"{_NAME}."):
        return tuple(name[len(_NAME) + 1 :].split("."))
    rest = name.removeprefix(_NAME)
    if rest == name or not _BRACKETS.fullmatch(rest):
        return ()
    keys = tuple(rest[1:-1].split("]["))
    return keys[:-1] if keys[-1] == "" else keys


def _decoded(text: str) -> dict[str, Any]:
    try:
        value = parse_json(text.encode())
    except (ValueError, InvalidInput):
        return {}
    return value if isinstance(value, dict) else {}


def _equals(column: str, path: Path, texts: Sequence[str]) -> Q:
    """One value: the stored value equals it, or is a list that contains it, since a list of one looks the same in a
    query string. Several: the stored list contains each."""
    if len(texts) == 1:
        read = _readings(texts[0])
        return _any_of(column, path, [*read, *([value] for value in read)])
    return reduce(and_, [_any_of(column, path, [[value] for value in _readings(text)]) for text in texts])


def _any_of(column: str, path: Path, values: Sequence[Any]) -> Q:
    return reduce(or_, [Q(**{f"{column}__contains": _nested(path, value)}) for value in values])


def _nested(path: Path, value: Any) -> Any:
    return reduce(lambda inner, key: {key: inner}, reversed(path), value)


def _readings(value: Any) -> list[Any]:
    """The value itself; for a scalar also its reading as text or as the type the text spells, for a list of one scalar
    also those of the scalar."""
    if isinstance(value, str):
        return [value, *_typed(value)]
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], Mapping | list):
        return [value, *_readings(value[0])]
    if isinstance(value, Mapping | list):
        return [value]
    return [value, to_json_text(value)]


def _typed(text: str) -> list[Any]:
    if text in _WORDS:
        return [_WORDS[text]]
    if _INTEGER.fullmatch(text):
        return [int(text)]
    return [float(text)] if _NUMBER.fullmatch(text) else []
