"""`/v1/models` in the form of the API that asks."""

from typing import Any

import pytest
from anthropic.types import ModelInfo

from tests.messages.conftest import MessagesClient
from tests.messages.published import held
from tests.responses.conftest import ResponsesClient

NAMES = ["a/one", "b/two", "c/three", "offline/echo", "offline/hashing"]


@pytest.fixture(autouse=True)
def listed(settings: Any) -> None:
    settings.MODELS, settings.DEFAULT_MODEL = NAMES[:3], ""


@pytest.mark.parametrize(
    ("query", "first", "last", "has_more"),
    [
        ("", 0, 5, False),
        ("?limit=2", 0, 2, True),
        ("?after_id=b/two", 2, 5, False),
        ("?after_id=a/one&limit=1", 1, 2, True),
        ("?before_id=c/three&limit=1", 1, 2, True),
        ("?lifecycle[]=retired", 0, 0, False),
        ("?lifecycle[]=active&lifecycle[]=retired", 0, 5, False),
    ],
)
def test_pages(client: MessagesClient, query: str, first: int, last: int, has_more: bool) -> None:
    page = client.send("GET", f"/v1/models{query}").json()
    names = NAMES[first:last]
    assert [held(ModelInfo, model).id for model in page["data"]] == names
    ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
    assert {name: page[name] for name in page if name != "data"} == {"has_more": has_more, **ends}


def test_one(client: MessagesClient) -> None:
    model = client.send("GET", "/v1/models/a/one").json()
    assert held(ModelInfo, model).id == "a/one"
    assert set(model) == set(ModelInfo.model_fields)


def test_others_get_the_form_of_openai(api: ResponsesClient) -> None:
    assert api.send("GET", "/v1/models").json()["object"] == "list"
    assert api.send("GET", "/v1/models/a/one").json()["object"] == "model"
