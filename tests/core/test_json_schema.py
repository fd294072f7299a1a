"""JSON Schemas written by users."""

import pytest
from jsonschema import Draft4Validator

from julep_project.core import json_schema
from julep_project.core.json_schema import SchemaProblem, UnusableSchema, find_problem


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {"a": 1}),
        ({"pattern": "^a{2,3}$"}, "aa"),
        ({"pattern": "^a"}, 5),
        ({"patternProperties": {"^n": {"type": "integer"}}}, {"n1": 1, "x": "y"}),
        ({"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}, {"next": {}}),
        ({"$schema": "https://nothing.example/draft", "type": "integer"}, 1),
        ({"$schema": []}, 1),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "object"}),
    ],
)
def test_a_value_that_fits(schema: dict[str, object], value: object) -> None:
    assert find_problem(schema, value) is None


@pytest.mark.parametrize(
    ("schema", "value", "path"),
    [
        ({"pattern": "^a{2,3}$"}, "b", "$"),
        ({"patternProperties": {"^n": {"type": "integer"}}}, {"n1": "x"}, "$.n1"),
        ({"items": {"required": ["a"]}}, [{"a": 1}, {}], "$[1]"),
        ({"$schema": Draft4Validator.META_SCHEMA["$schema"], "minimum": 3, "exclusiveMinimum": True}, 3, "$"),
    ],
)
def test_a_value_that_does_not_fit(schema: dict[str, object], value: object, path: str) -> None:
    problem = find_problem(schema, value)
    assert isinstance(problem, SchemaProblem)
    assert (problem.path, bool(problem.message)) == (path, True)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "http://127.0.0.1:1/schema"}, 1),
        ({"$ref": "file:///etc/hostname"}, 1),
        ({"$ref": "#/nothing"}, 1),
        ({"$dynamicRef": "#nothing"}, 1),
        ({"$ref": "#"}, 1),
        ({"multipleOf": 0.1}, 10**400),
        ({"pattern": "(a|aa)+$"}, "a" * 60 + "b"),
        ({"pattern": "((a{1000}){1000}){1000}"}, "a"),
        ({"pattern": "a" * 5000}, "a"),
    ],
)
def test_a_schema_that_cannot_be_applied(schema: dict[str, object], value: object) -> None:
    with pytest.raises(UnusableSchema):
        find_problem(schema, value)


def test_a_schema_that_multiplies_itself_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_schema, "MAX_SECONDS", 0.2)
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    with pytest.raises(UnusableSchema, match="longer than 0.2 s"):
        find_problem({"$defs": {**doubled, "d40": {}}, "$ref": "#/$defs/d0"}, 1)
