"""Each operation has an example of what it takes. That they are taken is seen where all routes are asked."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from julep_project.core.api.api_document import openapi_document


def _document() -> Any:
    return json.loads(openapi_document())


def _operations() -> Iterator[tuple[str, Any]]:
    for path, operations in _document()["paths"].items():
        yield from ((f"{method.upper()} {path}", operation) for method, operation in operations.items())


def test_every_body_has_an_example() -> None:
    schemas = _document()["components"]["schemas"]
    without = []
    for name, operation in _operations():
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            shown = schemas[content["schema"]["$ref"].rpartition("/")[2]] if "$ref" in content["schema"] else content
            if kind == "application/json" and not shown.get("examples"):
                without.append(name)
    assert without == []


def test_every_parameter_of_a_path_has_an_example() -> None:
    for name, operation in _operations():
        shown = {each["name"]: each["example"] for each in operation["parameters"] if each.get("in") == "path"}
        assert shown.keys() == {part.strip("{}") for part in name.split("/") if part.startswith("{")}, name


def test_examples_are_of_their_schemas() -> None:
    document = _document()
    schemas = document["components"]["schemas"]
    asked = [(schema, example) for schema in schemas.values() for example in schema.get("examples", ())]
    for _, operation in _operations():
        for parameter in operation["parameters"]:
            given = [each["value"] for each in parameter.get("examples", {}).values()]
            given += [parameter["example"]] if "example" in parameter else []
            asked += [(parameter["schema"], example) for example in given]
    assert len(asked) > 100
    wrong = []
    for schema, example in asked:
        errors = Draft202012Validator({**schema, "components": document["components"]}).iter_errors(example)
        wrong += [(example, error.message) for error in errors]
    assert wrong == []
