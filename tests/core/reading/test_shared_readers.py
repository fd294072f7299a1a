"""One object reads all bodies of a class: nothing of one may be found in the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import julep_project.urls  # noqa: F401  # all bodies are made then
from julep_project.core.errors import InvalidInput
from julep_project.core.reading.fields import Body, ListOf, Text


class Pair(Body):
    name = Text(required=False)
    parts = ListOf(child=Text(max_length=3), required=False, default=list)


def test_a_body_says_nothing_of_the_one_before() -> None:
    Pair.read({"name": "first", "parts": ["a"]})["parts"].append("b")
    with pytest.raises(InvalidInput):
        Pair.read({"parts": ["too long"]})
    assert Pair.read({}) == {"parts": []}
    assert Pair.read({"name": None}, partial=True) == {}


def test_many_are_read_at_once() -> None:
    def read(number: int) -> Any:
        try:
            return Pair.read({"name": str(number), "parts": [str(number)]})["name"]
        except InvalidInput as error:
            return error.extra["details"][0]["loc"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(2_000)))
    assert found == [str(number) if number < 1_000 else "parts[0]" for number in range(2_000)]


def _all_of(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _all_of(one)


def _below(field: Any) -> Iterator[Any]:
    yield field
    inner = [*getattr(field, "_declared_fields", {}).values(), getattr(field, "child", None)]
    for one in inner:
        if one is not None:
            yield from _below(one)


def test_no_default_can_be_changed_by_who_gets_it() -> None:
    shared = {
        f"{body.__module__}.{body.__name__}: {field.default!r}"
        for body in _all_of(Body)
        for declared in body._declared_fields.values()
        for field in _below(declared)
        if isinstance(getattr(field, "default", None), list | dict | set)
    }
    assert shared == set()
