"""Lists: envelope, paging, order, filters, number of queries."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Developer, Project
from tests.api_client import ApiClient


def _make(developer: Developer, count: int, **fields: Any) -> list[Agent]:
    project = Project.objects.get(developer=developer, canonical_name="default")
    return [
        Agent.objects.create(developer=developer, project=project, name=f"a{n}", canonical_name=f"a{n}", **fields)
        for n in range(count)
    ]


def _names(api: ApiClient, query: Any = None) -> list[str]:
    response = api.get("/agents", query)
    assert response.status_code == 200, response.content
    return [item["name"] for item in response.json()["items"]]


def test_newest_first_and_pages_do_not_overlap(api: ApiClient, developer: Developer) -> None:
    _make(developer, 5)
    assert _names(api) == ["a4", "a3", "a2", "a1", "a0"]
    pages = [_names(api, {"limit": 2, "offset": offset}) for offset in (0, 2, 4, 5)]
    assert pages == [["a4", "a3"], ["a2", "a1"], ["a0"], []]
    assert _names(api, {"direction": "asc", "limit": 2}) == ["a0", "a1"]


def test_beyond_the_end_is_an_empty_page(api: ApiClient, agent: dict[str, Any]) -> None:
    assert api.get("/agents", {"offset": 10**30}).json() == {"items": []}


def test_sort_by_updated_at(api: ApiClient, developer: Developer) -> None:
    first, *_ = _make(developer, 3)
    api.patch(f"/agents/{first.id}", {"about": "changed"})
    Agent.objects.exclude(pk=first.pk).update(updated_at="2020-01-01T00:00:00Z")
    assert _names(api, {"sort_by": "updated_at"})[0] == "a0"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": 0}, 400, "Limit must be between 1 and 1000"),
        ({"limit": 1001}, 400, "Limit must be between 1 and 1000"),
        ({"limit": -1}, 400, "Limit must be between 1 and 1000"),
        ({"offset": -1}, 400, "Offset must be >= 0"),
        ({"limit": "ten"}, 422, "Validation error"),
        ({"offset": "9" * 5000}, 422, "Validation error"),
        ({"sort_by": "name"}, 422, "Validation error"),
        ({"direction": "up"}, 422, "Validation error"),
    ],
)
def test_bad_paging(api: ApiClient, query: dict[str, Any], status: int, message: str) -> None:
    response = api.get("/agents", query)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


def test_empty_values_count_as_absent(api: ApiClient, agent: dict[str, Any]) -> None:
    query = {"limit": "", "offset": "", "sort_by": "", "direction": "", "metadata_filter": "", "project": ""}
    assert _names(api, query) == ["Writer"]


def test_other_developers_are_not_listed(api: ApiClient, stranger: Developer) -> None:
    Project.objects.create(developer=stranger, name="d", canonical_name="default")
    _make(stranger, 2)
    assert _names(api) == []


def test_project_filter(api: ApiClient, agent: dict[str, Any]) -> None:
    api.post("/projects", {"name": "Other", "canonical_name": "other"})
    api.post("/agents", {"name": "elsewhere", "project": "other"})
    assert _names(api, {"project": "other"}) == ["elsewhere"]
    assert _names(api, {"project": "default"}) == ["Writer"]
    assert _names(api, {"project": "unknown"}) == []
    assert _names(api, "project=o%00ther") == ["elsewhere"]


@pytest.fixture
def filed(api: ApiClient) -> ApiClient:
    """Agents with metadata of every type."""
    for name, metadata in {
        "number": {"a": 1, "b": {"c": True, "d": [1, 2]}},
        "text": {"a": "1", "b": {"c": "true"}},
        "float": {"a": 1.5},
        "null": {"a": None},
        "odd": {"it's; --": "x", "a.b": 1},
    }.items():
        assert api.post("/agents", {"name": name, "metadata": metadata}).status_code == 201
    return api


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("metadata_filter.a=1", {"number", "text"}),
        ("metadata_filter.a=%001", {"number", "text"}),
        ('metadata_filter={"a":"\\u00001"}', {"number", "text"}),
        ("metadata_filter.a=1.5", {"float"}),
        ("metadata_filter.a=null", {"null"}),
        ("metadata_filter.b.c=true", {"number", "text"}),
        ("metadata_filter.b.d=1&metadata_filter.b.d=2", {"number"}),
        ("metadata_filter.b.d=2", {"number"}),
        ("metadata_filter[b][d][]=2", {"number"}),
        ("metadata_filter.b.d=3", set()),
        ("metadata_filter.b.d=1&metadata_filter.b.d=3", set()),
        ("metadata_filter.a=1&metadata_filter.b.c=true&metadata_filter.b.d=2&metadata_filter.b.d=1", {"number"}),
        ("metadata_filter[a]=1", {"number", "text"}),
        ("metadata_filter[b][c]=true", {"number", "text"}),
        ("metadata_filter[b][d][]=1&metadata_filter[b][d][]=2", {"number"}),
        ("metadata_filter=" + json.dumps({"a": 1}), {"number", "text"}),
        ("metadata_filter=" + json.dumps({"b": {"c": True}}), {"number", "text"}),
        ("metadata_filter=" + json.dumps({"b": {"d": [2]}}), {"number"}),
        ("metadata_filter=" + json.dumps({"a": [1]}), {"number", "text"}),
        ("metadata_filter=" + json.dumps({"b": {"d": [2, 3]}}), set()),
        ("metadata_filter=" + json.dumps({"a": None}), {"null"}),
        ("metadata_filter=" + json.dumps({"it's; --": "x"}), {"odd"}),
        ("metadata_filter.it's; --=x", {"odd"}),
        ("metadata_filter.a'; DROP TABLE agents_agent; --=1", set()),
        ("metadata_filter.a__gt=0", set()),
        ("metadata_filter.b={}", set()),
    ],
)
def test_metadata_filter(filed: ApiClient, query: str, expected: set[str]) -> None:
    assert set(_names(filed, query.replace(";", "%3B").replace(" ", "%20"))) == expected


@pytest.mark.parametrize(
    "query",
    [
        "metadata_filter=nonsense",
        "metadata_filter=[1]",
        "metadata_filter={",
        "metadata_filter=1",
        "metadata_filter[=1",
        "metadata_filter.a=",
        "metadata_filter=" + "[" * 5000,
        'metadata_filter={"a":' + "[" * 500 + "]" * 500 + "}",
        "connection_pool=x",
    ],
)
def test_filters_that_cannot_be_read_filter_nothing(filed: ApiClient, query: str) -> None:
    assert len(_names(filed, query)) == 5


def test_too_many_query_fields(api: ApiClient) -> None:
    response = api.get("/agents", "&".join(f"metadata_filter.k{n}=1" for n in range(1100)))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "http_400"


@pytest.mark.parametrize("path", ["/agents", "/agents/{agent}/tools", "/projects"])
def test_number_of_queries_does_not_grow_with_the_list(api: ApiClient, agent: dict[str, Any], path: str) -> None:
    url = path.format(agent=agent["id"])
    counts = []
    for size in (2, 9):
        for n in range(size):
            api.post(url, {"name": f"x{size}_{n}", "type": "function"})
        with CaptureQueriesContext(connection) as queries:
            items = api.get(url).json()["items"]
        assert len(items) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
