"""Schemas that go on to model providers: their usual keywords have the shape that clients of providers expect."""

from typing import Any

import pytest

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.fields import Body, SentSchema


class SentBody(Body):
    """What goes on to a provider."""

    schema = SentSchema()


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"required": [{}]}, "$.required is not a list of texts"),
        ({"properties": {"a": {"type": 5}}}, "$.properties.a.type is not a text or a list of texts"),
        ({"anyOf": [{"items": {"properties": []}}]}, "$.anyOf[0].items.properties is not an object of schemas"),
        ({"items": [True, 5]}, "$.items[1] is no schema"),
        ({"$defs": {"a": None}}, "$.$defs.a is no schema"),
    ],
)
def test_a_schema_that_clients_of_providers_break_at(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as error:
        SentBody.read({"schema": schema})
    (detail,) = error.value.extra["details"]
    assert (detail["loc"], detail["msg"]) == ("schema", f"The schema cannot be used: {place}.")


def test_a_schema_of_the_usual_shape() -> None:
    usual = {
        "type": ["object", "null"],
        "properties": {"required": {"type": "string"}, "type": True, "items": {"items": {"enum": [1]}}},
        "required": ["required"],
        "additionalProperties": False,
        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {}},
    }
    assert SentBody.read({"schema": usual})["schema"] == usual
