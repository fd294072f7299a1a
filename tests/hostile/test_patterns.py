"""No pattern remembers a way back for each character of a text.

A repeated group does, unless it is possessive: tens of bytes a character, so a body of 16 MB takes gigabytes, and where
it ends in vain, all of it is tried once more from every place.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

from agents.tools.secret_names import parts_of
from julep_project.core.reading.repeated_keys import RepeatedKey, refuse_repeated_keys
from tests.growth import bytes_asked_for

_APPS = ("agents", "docs_store", "executions", "julep_project", "sessions", "tasks")
# They start or register something when they are imported, and read nothing from outside.
_NOT_LOOKED_AT = frozenset({"asgi", "wsgi", "celery", "bench", "chaos", "migrations"})
_OF_ONE_CHARACTER = (codes.IN, codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.CATEGORY)
# Repeated so seldom, it does not matter.
_SELDOM = 100


def _modules() -> Iterator[ModuleType]:
    for app in map(importlib.import_module, _APPS):
        for found in pkgutil.walk_packages(app.__path__, f"{app.__name__}."):
            if _NOT_LOOKED_AT.isdisjoint(found.name.split(".")):
                yield importlib.import_module(found.name)


def _patterns(values: Iterable[Any]) -> Iterator["re.Pattern[str]"]:
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, dict):
            yield from _patterns(value.values())
        elif isinstance(value, list | tuple | frozenset):
            yield from _patterns(value)


def _remembers(parsed: Iterable[Any]) -> bool:
    return any(_one_remembers(operation, argument) for operation, argument in parsed)


def _one_remembers(operation: Any, argument: Any) -> bool:
    match operation:
        case codes.MAX_REPEAT | codes.MIN_REPEAT:
            _, most, inner = argument
            of_one = len(inner) == 1 and inner[0][0] in _OF_ONE_CHARACTER
            return (most > _SELDOM and not of_one) or _remembers(inner)
        case codes.POSSESSIVE_REPEAT:
            return _remembers(argument[2])
        case codes.SUBPATTERN:
            return _remembers(argument[3])
        case codes.BRANCH:
            return any(map(_remembers, argument[1]))
        case codes.ASSERT | codes.ASSERT_NOT:
            return _remembers(argument[1])
        case codes.ATOMIC_GROUP:
            return _remembers(argument)
        case _:
            return False


def test_no_pattern_of_ours_does() -> None:
    patterns = {pattern: module.__name__ for module in _modules() for pattern in _patterns(vars(module).values())}

    assert len(patterns) > 90
    found = [(name, pattern) for pattern, name in patterns.items() if _remembers(parser.parse(pattern.pattern))]
    assert found == []


@pytest.mark.parametrize("pattern", ["(?:ab|c)*", "x(ab)+y", "(?:(?:ab)*c)?", "(?=(?:ab)*)", "(?:ab){2,}?"])
def test_the_look_at_patterns_finds_one(pattern: str) -> None:
    assert _remembers(parser.parse(pattern))


@pytest.mark.parametrize("long", ["a" * 1_000_000, '\\"' * 500_000], ids=["plain", "escapes"])
def test_a_body_with_a_repeated_key_and_a_long_text(long: str) -> None:
    text = f'{{"a": 1, "b": "{long}", "a": 2}}'

    def read(body: str) -> None:
        with pytest.raises(RepeatedKey):
            refuse_repeated_keys(body)

    assert bytes_asked_for(read, [text]) < 10 * len(text)


def test_a_long_expression_with_a_secret() -> None:
    text = f"$ secrets.KEY + '{'a' * 9_000}'"

    assert bytes_asked_for(parts_of, [text]) < 20 * len(text)
