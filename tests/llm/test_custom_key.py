"""`X-Custom-Api-Key`."""

import pytest
from django.http.request import HttpHeaders

from agents.llm.choice import DEFAULT_MODELS
from agents.llm.custom_key import custom_key_of
from julep_project.core.errors import BadRequest
from tests.api_client import ApiClient


@pytest.mark.parametrize("name", ["X-Custom-Api-Key", "x-custom-api-key"])
def test_the_key_of_a_request(name: str) -> None:
    headers = HttpHeaders({f"HTTP_{name.upper().replace('-', '_')}": " sk-own "})

    assert custom_key_of(headers) == "sk-own"


@pytest.mark.parametrize("headers", [{}, {"X-Custom-Api-Key": ""}, {"X-Custom-Api-Key": "  "}])
def test_no_key(headers: dict[str, str]) -> None:
    assert custom_key_of(headers) is None


@pytest.mark.parametrize("key", ["sk-\u00e4", "a\nb", "a\0b", "x" * 5000])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(BadRequest, match="X-Custom-Api-Key is not a key") as caught:
        custom_key_of({"X-Custom-Api-Key": key})
    assert key not in caught.value.message


def test_it_is_honoured_where_models_are_listed(api: ApiClient) -> None:
    def names(headers: dict[str, str] | None = None) -> set[str]:
        return {model["id"] for model in api.get("/agents/models", headers=headers).json()["models"]}

    assert names() == {"offline/echo"}
    assert names({"X-Custom-Api-Key": "sk-own"}) == {"offline/echo", *DEFAULT_MODELS.values()}


def test_a_key_that_is_none_is_refused(api: ApiClient) -> None:
    response = api.get("/agents/models", headers={"X-Custom-Api-Key": "x" * 5000})

    assert response.status_code == 400
    assert response.json()["error"]["message"] == "X-Custom-Api-Key is not a key"
