"""Operations that others publish too: each parameter is taken or refused by its name."""

from typing import Any

import pytest

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.fields import Body, SentSchema, Text
from julep_project.core.reading.surface import (
    Fate,
    ParameterRefused,
    Surface,
    UnknownParameter,
    honoured,
    refused,
    sent,
)

SURFACE = Surface(
    "Things",
    "POST /v1/things",
    (sent("heat"), honoured("name"), refused("n", "One is given.", idle=(1, "one")), refused("gone")),
)


class ThingBody(Body):
    """What a thing is made of."""

    surface = SURFACE

    name = Text()
    heat = Text(required=False)


def test_names_by_what_becomes_of_them() -> None:
    assert SURFACE.names() == ["heat", "name", "n", "gone"]
    assert SURFACE.names(Fate.SENT, Fate.HONOURED) == ["heat", "name"]


@pytest.mark.parametrize("given", [{}, {"n": 1}, {"n": "one"}, {"n": None}, {"gone": None}, {"made_up": None}], ids=str)
def test_what_is_taken(given: dict[str, Any]) -> None:
    assert ThingBody.read({"name": "a", **given}) == {"name": "a"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 2}, "The parameter 'n' is not supported here: One is given"),
        ({"n": True}, "The parameter 'n' is not supported here: One is given"),
        ({"gone": {}}, "The parameter 'gone' is not supported here"),
    ],
    ids=str,
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterRefused) as error:
        ThingBody.read(given)
    assert (error.value.message, [error.value.param], error.value.status) == (message, list(given), 400)


def test_what_nobody_knows() -> None:
    with pytest.raises(UnknownParameter) as error:
        ThingBody.read({"name": "a", "x" * 100: 1})
    assert error.value.param == "x" * 80 + "..."
    Surface("Any", "POST /v1/any", (), ignores_unknown=True).check({"made_up": 1})


@pytest.mark.parametrize("body", [None, [], "x", 5], ids=str)
def test_what_is_no_body_is_refused_as_such(body: Any) -> None:
    with pytest.raises(InvalidInput):
        ThingBody.read(body)


def test_the_first_place_is_told() -> None:
    with pytest.raises(InvalidInput) as error:
        ThingBody.read({"heat": 5})
    assert error.value.param == "name"


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
    class Sent(Body):
        schema = SentSchema()

    with pytest.raises(InvalidInput) as error:
        Sent.read({"schema": schema})
    (detail,) = error.value.extra["details"]
    assert (detail["loc"], detail["msg"]) == ("schema", f"The schema cannot be used: {place}.")


def test_a_schema_of_the_usual_shape() -> None:
    class Sent(Body):
        schema = SentSchema()

    usual = {
        "type": ["object", "null"],
        "properties": {"required": {"type": "string"}, "type": True, "items": {"items": {"enum": [1]}}},
        "required": ["required"],
        "additionalProperties": False,
        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {}},
    }
    assert Sent.read({"schema": usual})["schema"] == usual
