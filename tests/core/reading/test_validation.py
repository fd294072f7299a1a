"""Entries of a 422 answer."""

from typing import Any

import pytest
from rest_framework import serializers

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.fields import Body, DictOf, JsonObject, ListOf, Text, Timestamp
from julep_project.core.reading.validation import parse_uuid, path_text, problem, shown


@pytest.mark.parametrize(
    ("loc", "text"),
    [
        ((), ""),
        (("body",), ""),
        (("body", "items", 0, "name"), "items[0].name"),
        ((0, "a"), "[0].a"),
        (("a", 0, 1), "a[0][1]"),
        (("query", "limit"), "query.limit"),
    ],
)
def test_path_text(loc: Any, text: str) -> None:
    assert path_text(loc) == text


def test_what_is_received_is_only_missing_where_that_is_wrong() -> None:
    assert problem(["a"], "missing")["received"] == "(missing)"
    assert problem(["a"], "value_error", msg="no")["received"] == "(not shown)"
    assert problem(["a"], "value_error", msg="no", received="x")["received"] == "x"


class Child(Body):
    name = Text(min_length=5)


class Everything(Body):
    number = serializers.IntegerField(required=False, min_value=1, max_value=100)
    ratio = serializers.FloatField(required=False)
    flag = serializers.BooleanField(required=False)
    colour = serializers.ChoiceField(choices=["red", "blue"], required=False)
    when = Timestamp(required=False)
    link = serializers.URLField(required=False)
    mail = serializers.EmailField(required=False)
    ref = serializers.UUIDField(required=False)
    child = Child(required=False)
    children = Child(many=True, required=False)
    map = serializers.DictField(child=Text(), required=False)
    kept = Text(required=False, allow_null=True)
    obj = JsonObject(required=False)


@pytest.mark.parametrize(
    ("body", "loc", "kind", "hint"),
    [
        ({"number": 0}, "number", "greater_than_equal", "greater than or equal to 1"),
        ({"number": 101}, "number", "less_than_equal", "less than or equal to 100"),
        ({"number": "x"}, "number", "int_type", "whole number"),
        ({"ratio": "x"}, "ratio", "float_type", "number"),
        ({"flag": "x"}, "flag", "bool_type", "true or false"),
        ({"colour": "green"}, "colour", "enum", "'red', 'blue'"),
        ({"when": "yesterday"}, "when", "datetime_parsing", "ISO 8601"),
        ({"link": "x"}, "link", "url_parsing", "URL"),
        ({"mail": "x"}, "mail", "email", "email"),
        ({"ref": "x"}, "ref", "uuid_parsing", "UUID"),
        ({"child": {"name": "abc"}}, "child.name", "string_too_short", "at least 5 characters"),
        ({"child": {}}, "child.name", "missing", "required"),
        ({"child": 1}, "child", "dict_type", "object"),
        ({"children": [{"name": "abcde"}, {"name": "x"}]}, "children[1].name", "string_too_short", "at least 5"),
        ({"children": {}}, "children", "list_type", "array"),
        ({"map": {"k": 1}}, "map.k", "string_type", "text"),
        ({"map": []}, "map", "dict_type", "object"),
        ({"obj": 1}, "obj", "dict_type", "object"),
    ],
)
def test_every_kind_says_how_to_mend_it(body: dict[str, Any], loc: str, kind: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Everything.read(body)
    (entry,) = caught.value.extra["details"]
    assert (entry["loc"], entry["type"]) == (loc, kind)
    assert hint in entry["fix"]
    assert {"loc", "msg", "type", "received", "fix"} <= set(entry)


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        Everything.read({"number": "x", "flag": "perhaps", "child": {"name": 1}})
    assert [entry["loc"] for entry in caught.value.extra["details"]] == ["number", "flag", "child.name"]


def test_null_is_absent_unless_the_field_wants_it() -> None:
    assert Everything.read({"number": None, "kept": None}) == {"kept": None}
    assert Everything.read({"child": None}) == {}


@pytest.mark.parametrize(
    ("kind", "params", "example"),
    [
        ("int_type", {}, 42),
        ("string_type", {}, "text value"),
        ("string_too_short", {"bound": 5}, "xxxxx"),
        ("less_than_equal", {"bound": 100}, 100),
        ("literal_error", {"expected": "fixed"}, "fixed"),
        ("enum", {"choices": ["a", "b"], "expected": "a, b"}, "a"),
    ],
)
def test_examples(kind: str, params: dict[str, Any], example: Any) -> None:
    assert problem(("f",), kind, received=None, **params)["example"] == example


@pytest.mark.parametrize("kind", ["greater_than", "less_than", "extra_forbidden", "json_invalid"])
def test_the_other_kinds_have_a_hint(kind: str) -> None:
    assert problem(("f",), kind, received=1, bound=3)["fix"]


def test_a_list_that_is_empty_needs_something() -> None:
    told = problem(("input",), "too_short")
    assert (told["msg"], told["fix"]) == ("List should have at least 1 items", "Provide at least 1 items")


def test_shown_is_text_and_short() -> None:
    assert shown({"a": [1, None]}) == '{"a": [1, null]}'
    assert len(shown("x" * 1000)) < 110


@pytest.mark.parametrize("text", ["", "x", "1" * 31, "z" * 36, "0" * 100_000])
def test_ids_that_are_not(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_uuid(text, "path", "id")


def test_no_more_is_written_than_is_shown() -> None:
    written: list[int] = []

    class Part:
        def __str__(self) -> str:
            written.append(1)
            return "part"

    assert shown([Part() for _ in range(10_000)]).startswith('["part", "part"')
    assert len(written) < 100


@pytest.mark.parametrize("kind", [ListOf, DictOf])
def test_reading_stops_when_enough_is_wrong(kind: Any) -> None:
    read: list[Any] = []

    class Never(Text):
        def to_internal_value(self, data: Any) -> str:
            read.append(data)
            return super().to_internal_value(data)

    class Bodies(Body):
        parts = kind(child=Never())

    parts = list(range(10_000)) if kind is ListOf else {str(n): n for n in range(10_000)}
    with pytest.raises(InvalidInput) as refused:
        Bodies.read({"parts": parts})
    assert len(refused.value.extra["details"]) == len(read) == 100
