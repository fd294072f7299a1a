"""A query may hold what the API description says of its operation, and nothing else."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from julep_project.core.api.api_document import openapi_document
from tests.api_client import ApiClient

# What published clients may send to any list of an owner's rows, whether it means something there or not.
FOR_LISTS = {"limit", "offset", "sort_by", "direction", "metadata_filter"}
LISTS = (
    "/agents",
    "/agents/{id}/docs",
    "/agents/{agent_id}/secrets",
    "/agents/{agent_id}/tasks",
    "/agents/{agent_id}/tools",
    "/executions/{execution_id}/transitions",
    "/projects",
    "/secrets",
    "/sessions",
    "/tasks/{task_id}/executions",
    "/users",
    "/users/{id}/docs",
)
FOR_OTHERS = {
    ("get", "/agents"): {"project"},
    ("get", "/users"): {"project"},
    ("get", "/files"): {"limit", "offset", "project"},
    ("get", "/agents/{id}/docs"): {"include_embeddings"},
    ("get", "/users/{id}/docs"): {"include_embeddings"},
    ("get", "/docs/{id}"): {"include_embeddings"},
    ("post", "/executions"): {"task_token"},
    ("post", "/executions/resume"): {"task_token"},
    ("get", "/executions/{execution_id}/status.stream"): {"next_token"},
    ("get", "/executions/{execution_id}/transitions.stream"): {"next_token", "next_page_token"},
    ("get", "/responses/{reference}"): {"include", "stream", "starting_after", "include_obfuscation"},
    ("get", "/responses/{reference}/input_items"): {"include", "limit", "order", "after"},
}


def _operations() -> Iterator[tuple[str, str, set[str]]]:
    """Each with the names that its query may hold."""
    for path, operations in json.loads(openapi_document())["paths"].items():
        for method, operation in operations.items():
            if operation["security"] == []:
                # Who comes without a key brings what they will.
                continue
            parameters = operation.get("parameters", ())
            yield method, path, {each["name"] for each in parameters if each.get("in") == "query"}


def test_what_is_not_described_is_refused_by_every_operation(api: ApiClient) -> None:
    differing = {}
    for method, path, names in _operations():
        query = "&".join([*(f"{name}=" for name in sorted(names)), "tides=1"])
        answer = api.send(method.upper(), re.sub(r"\{[^}]+\}", str(uuid4()), f"{path}?{query}"))
        error = answer.json()["error"]
        places = [each["loc"] for each in error.get("details", ())]
        # The error of another API is a text, which begins with the place.
        is_refused = (answer.status_code, places) == (422, ["query.tides"])
        if not is_refused and not error["message"].startswith("query.tides: "):
            differing[f"{method} {path}"] = answer.json()
    assert not differing, json.dumps(differing, indent=1)


def test_what_published_clients_send_is_known() -> None:
    known = {(method, path): names for method, path, names in _operations()}
    sent = {("get", path): FOR_LISTS for path in LISTS}
    unknown = {place: names - known[place] for place, names in [*sent.items(), *FOR_OTHERS.items()]}
    assert {place: names for place, names in unknown.items() if names} == {}


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("limt=1", "Did you mean 'limit'?"),
        ("metadata_filters[a]=1", "Did you mean 'metadata_filter'?"),
        ("limit[a]=1", "Did you mean 'limit'?"),
        ("=1", "Remove the parameter; known here: direction, limit, metadata_filter, offset, project, sort_by"),
    ],
)
def test_the_nearest_parameter_is_named(api: ApiClient, query: str, fix: str) -> None:
    answer = api.get("/agents", query)
    (told,) = answer.json()["error"]["details"]
    assert (answer.status_code, told["type"], told["fix"]) == (422, "extra_forbidden", fix)


def test_a_stranger_learns_nothing_of_parameters(db: None) -> None:
    assert ApiClient(key=None).get("/agents", "limt=1").status_code == 403


def test_no_more_is_told_than_of_a_few(api: ApiClient) -> None:
    many = "&".join(f"{'n' * 300}{number}=1" for number in range(500))
    told: list[dict[str, Any]] = api.get("/agents", many).json()["error"]["details"]
    assert 0 < len(told) < 500
    assert max(len(each["loc"]) for each in told) < 100
