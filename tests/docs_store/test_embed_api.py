"""`/embed`: vectors of texts."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from agents.models import ModelUsage
from docs_store.models import EmbeddingModel
from julep_project.core.errors import ModelRefused, ModelUnavailable
from tests.api_client import API_KEY
from tests.docs_store.known_vectors import KnownVectors
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)


def _embed(body: Any, *, key: str = API_KEY, method: str = "post", path: str = "/embed", raw: bytes = b"") -> Any:
    client = AsyncClient(raise_request_exception=False)
    data = {"data": raw or body, "content_type": "application/json"} if method == "post" else {}
    return async_to_sync(getattr(client, method))(path, headers={"Authorization": f"Bearer {key}"}, **data)


@pytest.fixture(autouse=True)
def known_key(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY


@pytest.mark.parametrize("path", ["/embed", "/api/embed"])
def test_one_vector_for_each_text(model: KnownVectors, path: str) -> None:
    model.vectors = {"a": (1, 0, 0), "b": (0, 1, 0)}
    assert _embed({"text": ["a", "b", "a"]}, path=path).json() == {"vectors": [[1, 0, 0], [0, 1, 0], [1, 0, 0]]}
    assert _embed({"text": "b", "embed_instruction": None}).json() == {"vectors": [[0, 1, 0]]}


def test_vectors_are_as_long_as_those_of_the_docs(model: KnownVectors, settings: Any) -> None:
    settings.EMBEDDING_DIMENSIONS = 5
    _embed({"text": "a"})
    EmbeddingModel.objects.create(name=settings.EMBEDDING_MODEL, dimensions=3)
    _embed({"text": "a"})
    assert model.lengths == [None, 3]


def test_a_step_and_a_tool_embed_as_well_as_the_docs(flow: FlowRunner, model: KnownVectors, settings: Any) -> None:
    EmbeddingModel.objects.create(name=settings.EMBEDDING_MODEL, dimensions=3)
    settings.EMBEDDING_DIMENSIONS = 5
    tool = {"name": "vectors", "type": "system", "system": {"resource": "doc", "operation": "embed"}}
    main = [{"embed": {"text": "a"}}, {"tool": "vectors", "arguments": {"text": "$ ['b']"}}]
    task = flow.create({"main": main}, {"tools": [tool]}).json()["id"]
    assert flow.start(task, {})["status"] == "succeeded"
    assert model.lengths == [3, 3]


def test_an_instruction_is_no_text_of_its_own(model: KnownVectors) -> None:
    answer = _embed({"text": ["a", "b"], "embed_instruction": "Query:"})
    assert (answer.status_code, len(answer.json()["vectors"])) == (200, 2)
    assert model.calls[0][1] == ["Query: a", "Query: b"]


def test_texts_have_the_instruction_of_queries_unless_they_have_one(
    flow: FlowRunner, model: KnownVectors, settings: Any
) -> None:
    settings.EMBEDDING_QUERY_INSTRUCTION = "query:"
    settings.EMBEDDING_PASSAGE_INSTRUCTION = "passage:"
    task = flow.create({"main": [{"embed": {"text": "a"}}]}).json()["id"]
    assert flow.start(task, {})["status"] == "succeeded"
    assert _embed({"text": "b"}).status_code == _embed({"text": "c", "embed_instruction": "own:"}).status_code == 200
    assert model.asked == ["query: a", "query: b", "own: c"]


def test_without_a_key_of_a_provider() -> None:
    first, second, other = _embed({"text": ["the sea", "the sea", "a mountain"]}).json()["vectors"]
    assert len(first) == 1024 and first == second != other
    usage = ModelUsage.objects.get()
    assert (usage.model, usage.completion_tokens) == ("offline/hashing", 0)


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "text", "missing"),
        ({"text": None}, "text", "list_type"),
        ({"text": []}, "text", "too_short"),
        ({"text": ["x"] * 101}, "text", "too_long"),
        ({"text": ["x", 1]}, "text[1]", "string_type"),
        ({"text": "x" * 30_001}, "text", "string_too_long"),
        ({"text": "x", "embed_instruction": 1}, "embed_instruction", "string_type"),
        ([], "", "dict_type"),
    ],
)
def test_bad_bodies(model: KnownVectors, body: Any, loc: str, kind: str) -> None:
    answer = _embed(body)
    details = answer.json()["error"]["details"]
    assert (answer.status_code, [(entry["loc"], entry["type"]) for entry in details]) == (422, [(loc, kind)])
    assert model.calls == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ModelUnavailable("overloaded"), 502, "llm_api_error"), (ModelRefused("no"), 400, "llm_bad_request")],
)
def test_errors_of_the_provider(model: KnownVectors, error: Exception, status: int, code: str) -> None:
    model.errors = [error]
    answer = _embed({"text": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_who_may_and_how() -> None:
    assert _embed({"text": "a"}, key="wrong").status_code == 403
    assert _embed(None, method="get").status_code == 405
    assert _embed(None, raw=b'{"text": "\\ud800"}').status_code == 422
