"""The models of this server as Anthropic's API lists them."""

from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from agents.api.anthropic.surface import MODELS
from agents.llm.tokens import context_window
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, ListOf, Text
from julep_project.core.reading.validation import invalid

_USUAL_PAGE = 20
_MOST = 1000
_ACTIVE = "active"
# When a model was made is not known to this server.
_CREATED = "1970-01-01T00:00:00Z"


class ModelsQuery(Body):
    """Which of the models are listed."""

    surface = MODELS

    limit = serializers.IntegerField(min_value=1, max_value=_MOST, default=_USUAL_PAGE)
    after_id = Text(required=False)
    before_id = Text(required=False)
    lifecycle = ListOf(child=serializers.ChoiceField([_ACTIVE, "deprecated", "retired"]), required=False, max_length=3)


def models_page(query: QueryDict, names: list[str]) -> dict[str, Json]:
    """A page of the models with these names.

    Raises:
        InvalidInput, ParameterRefused, UnknownParameter
    """
    asked = ModelsQuery.read(_given(query))
    if _ACTIVE not in asked.get("lifecycle", [_ACTIVE]):
        names = []
    elif "after_id" in asked:
        names = names[_place(names, "after_id", asked) + 1 :]
    elif "before_id" in asked:
        names = names[: _place(names, "before_id", asked)]
    is_backwards = "before_id" in asked and "after_id" not in asked
    page = names[-asked["limit"] :] if is_backwards else names[: asked["limit"]]
    return {
        "data": [model_info(name) for name in page],
        "has_more": len(page) < len(names),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _given(query: QueryDict) -> dict[str, Any]:
    """The parameters; of the one that is a list all values, under the name that clients give it, too."""
    given: dict[str, Any] = query.dict()
    for name in ("lifecycle", "lifecycle[]"):
        if given.pop(name, None) is not None:
            given["lifecycle"] = query.getlist(name)
    return given


def _place(names: list[str], field: str, asked: dict[str, Any]) -> int:
    if asked[field] not in names:
        raise invalid(("query", field), "value_error", msg="There is no such model", received=asked[field])
    return names.index(asked[field])


def model_info(name: str) -> dict[str, Json]:
    """What is told of a model."""
    return {
        "id": name,
        "type": "model",
        "display_name": name,
        "created_at": _CREATED,
        "lifecycle": _ACTIVE,
        "line": None,
        "capabilities": None,
        "max_input_tokens": context_window(name),
        "max_tokens": None,
        "deprecated_at": None,
        "retires_at": None,
    }
