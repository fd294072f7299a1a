"""JSON Schemas written by users."""

from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft4Validator

from julep_project.core.schemas import schema_effort, schema_keywords
from julep_project.core.schemas.json_schema import SchemaProblem, UnusableSchema, find_problem, find_schema_problem


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
        ({"pattern": "((a{10}){100}){100}"}, "a"),
    ],
)
def test_a_schema_that_cannot_be_applied(schema: dict[str, object], value: object) -> None:
    with pytest.raises(UnusableSchema):
        find_problem(schema, value)


_DRAFT_3 = "http://json-schema.org/draft-03/schema#"
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
LOOPS: list[dict[str, Any]] = [
    {"$ref": "#"},
    {"not": {"$ref": "#"}},
    {"if": {"$ref": "#"}, "then": {}},
    {"if": {}, "then": {"$ref": "#"}},
    {"if": {}, "else": {"$ref": "#"}},
    {"allOf": [{}, {"$ref": "#"}]},
    {"anyOf": [{"oneOf": [{"$ref": "#"}]}]},
    {"dependentSchemas": {"a": {"$ref": "#"}}},
    {"$anchor": "here", "not": {"$ref": "#here"}},
    {"$dynamicAnchor": "here", "anyOf": [{"$dynamicRef": "#here"}]},
    {"$id": "https://a.example/b", "oneOf": [{"$ref": "b"}]},
    {"$id": "https://a.example/b", "oneOf": [{"$ref": "https://a.example/b#"}]},
    {"$id": "urn:a", "oneOf": [{"$ref": "#"}]},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
    {"$defs": {"a~b": {"$ref": "#/$defs/a~0b"}}, "properties": {"x": {"$ref": "#/$defs/a~0b"}}},
    {"$defs": {"inner": {"$id": "https://b.example/", "not": {"$ref": "#"}}}},
    {"properties": {"x": {"allOf": [{"$ref": "#/properties/x"}]}}},
    {"$schema": _DRAFT_2019, "$recursiveAnchor": True, "allOf": [{"$recursiveRef": "#"}]},
    {"$schema": _DRAFT_7, "dependencies": {"a": {"$ref": "#"}}},
    {"$schema": _DRAFT_7, "definitions": {"a": {"$id": "#here", "not": {"$ref": "#here"}}}},
    {"$schema": _DRAFT_3, "extends": {"$ref": "#"}},
    {"$schema": _DRAFT_3, "disallow": [{"$ref": "#"}]},
]


@pytest.mark.parametrize("schema", LOOPS, ids=str)
def test_references_that_go_round_without_going_down_are_refused(schema: dict[str, Any]) -> None:
    for check in (find_schema_problem, lambda given: find_problem(given, {"a": 1, "x": 1})):
        with pytest.raises(UnusableSchema, match="refers to itself without end"):
            check(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"next": {"$ref": "#"}}},
        {"items": {"anyOf": [{"$ref": "#"}, {"type": "string"}]}},
        {"$dynamicAnchor": "node", "properties": {"kids": {"items": {"$dynamicRef": "#node"}}}},
        {"$defs": {"a": {"additionalProperties": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object"}}},
        {"properties": {"$ref": {"type": "string"}, "not": {"$ref": "#"}}},
        {"$ref": "#/nowhere"},
        {"enum": [{"$ref": "#"}]},
    ],
    ids=str,
)
def test_references_that_go_down_are_not(schema: dict[str, Any]) -> None:
    assert find_schema_problem(schema) is None


def test_a_schema_that_multiplies_itself_is_refused() -> None:
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    schema = {"$defs": {**doubled, "d40": {}}, "$ref": "#/$defs/d0"}
    for check in (find_schema_problem, lambda given: find_problem(given, 1)):
        with pytest.raises(UnusableSchema, match="applied more than 10,000 times"):
            check(schema)


def _nested(levels: int, schema: dict[str, Any], key: str = "items") -> dict[str, Any]:
    for _ in range(levels):
        schema = {key: schema}
    return schema


def _down(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {
                "$defs": {
                    "d30": {},
                    **{f"d{n}": {"items": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2}} for n in range(30)},
                },
                "$ref": "#/$defs/d0",
            },
            _down(30),
        ),
        ({"items": {"type": "number"}}, [1] * 200_000),
        ({"items": {"type": "string"}}, [1] * 50_000),
        ({"items": {"enum": list(range(20_000))}}, [0] * 1000),
        ({"items": {"required": [str(n) for n in range(20_000)]}}, [{}] * 1000),
        ({"items": {"properties": {str(n): {} for n in range(20_000)}}}, [{}] * 1000),
        ({"anyOf": [{"type": "string"}] * 5000}, ["x" * 1000] * 8000),
        ({"allOf": [{"uniqueItems": True}] * 500}, list(range(20_000))),
        ({"patternProperties": {f"^{n}$": {} for n in range(1000)}}, {str(n): 1 for n in range(1000)}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_check_of_too_much_work_is_stopped_by_its_count(
    schema: dict[str, Any], value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_effort, "MAX_SECONDS", 600)
    monkeypatch.setattr(schema_effort, "MAX_EFFORT", schema_effort.MAX_EFFORT // 5)
    with pytest.raises(UnusableSchema, match="too much work"):
        find_problem(schema, value)


def test_depth_is_looked_at_before_work() -> None:
    wide = {f"p{n}": {"type": "string"} for n in range(30_000)}
    with pytest.raises(UnusableSchema, match="^the schema is nested too deep$"):
        find_schema_problem({"properties": wide, "not": _nested(120, {}, "additionalProperties")})
    with pytest.raises(UnusableSchema, match="^the value is nested too deep$"):
        find_problem({"items": {"$ref": "#"}}, _down(190))
    assert find_problem({"items": {"$ref": "#"}}, _down(60)) is None
    assert find_schema_problem(_nested(35, {"type": "string"})) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"additionalProperties": False, "patternProperties": {"(a|aa)+$": {}}}, {"a" * 60 + "b": 1}),
        ({"unevaluatedProperties": False, "patternProperties": {"(a|aa)+$": {}}}, {"a" * 60 + "b": 1}),
    ],
)
def test_no_pattern_runs_for_ever(schema: dict[str, Any], value: object) -> None:
    with pytest.raises(UnusableSchema, match="takes too long"):
        find_problem(schema, value)


def test_after_each_pattern_the_time_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match costs few units and may take almost as long as a match may."""
    taken: list[float] = []

    def search(*_: Any, **__: Any) -> bool:
        taken.append(0.2)
        return True

    monkeypatch.setattr(schema_effort, "regex", SimpleNamespace(search=search))
    monkeypatch.setattr(schema_effort, "time", SimpleNamespace(thread_time=lambda: sum(taken)))

    with pytest.raises(UnusableSchema, match="too much work"):
        find_problem({"items": {"pattern": "slow"}}, ["a"] * 1000)
    assert sum(taken) <= schema_effort.MAX_SECONDS + 0.2 + 1e-9


@pytest.mark.parametrize(
    ("keyword", "value", "fits"),
    [
        ({"uniqueItems": True}, [1, 2, True, "1", [1], {"a": 1}], True),
        ({"uniqueItems": True}, [1, 1.0], False),
        ({"uniqueItems": True}, [{"a": [1.0], "b": 2}, {"b": 2, "a": [1]}], False),
        ({"uniqueItems": True}, [[1], [True]], True),
        ({"properties": {"a": {}}, "patternProperties": {"^b": {}}, "additionalProperties": False},
         {"a": 1, "bc": 2}, True),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, False),
        ({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, {"a": 1}, True),
        ({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, {"a": 1, "b": 1}, False),
        ({"if": {"required": ["a"]}, "then": {"properties": {"b": {}}}, "properties": {"a": {}},
          "unevaluatedProperties": False}, {"a": 1, "b": 1}, True),
        ({"$defs": {"x": {"properties": {"a": {}}}}, "$ref": "#/$defs/x", "unevaluatedProperties": {"type": "null"}},
         {"a": 1, "b": None}, True),
        ({"dependentSchemas": {"a": {"patternProperties": {".": {}}}}, "unevaluatedProperties": False}, {"a": 1}, True),
        ({"prefixItems": [{}], "unevaluatedItems": False}, [1], True),
        ({"prefixItems": [{}], "unevaluatedItems": False}, [1, 2], False),
        ({"anyOf": [{"prefixItems": [{}, {}]}], "contains": {"const": 3}, "unevaluatedItems": False}, [1, 2, 3], True),
        ({"$schema": _DRAFT_2019, "items": [{}], "unevaluatedItems": False}, [1, 2], False),
    ],
    ids=str,
)  # fmt: skip
def test_keywords_of_our_own(keyword: dict[str, Any], value: object, fits: bool) -> None:
    assert (find_problem(keyword, value) is None) is fits


class _Panic(BaseException):
    """What the library's Rust parts raise."""


@pytest.mark.parametrize("order", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_panic_of_a_library_is_typed_and_an_order_to_end_is_not(
    order: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(kind: type[BaseException]) -> None:
        def canonical(item: object) -> str:
            raise kind("it")

        monkeypatch.setattr(schema_keywords, "_canonical", canonical)

    fail(_Panic)
    with pytest.raises(UnusableSchema):
        find_problem({"uniqueItems": True}, [1, 2])
    fail(order)
    with pytest.raises(order):
        find_problem({"uniqueItems": True}, [1, 2])
