"""Lists of tasks: order, pages, filters, number of queries."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import Task
from tests.api_client import ApiClient
from tests.tasks_api.conftest import MAIN


def _make(api: ApiClient, tasks: str, count: int, **fields: Any) -> None:
    for number in range(count):
        assert api.post(tasks, {"name": f"t{number}", "main": MAIN, **fields}).status_code == 201


def _names(api: ApiClient, tasks: str, query: Any = None) -> list[str]:
    response = api.get(tasks, query)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"items"}
    return [item["name"] for item in response.json()["items"]]


def test_newest_first_and_pages_that_end(api: ApiClient, tasks: str) -> None:
    _make(api, tasks, 5)
    assert _names(api, tasks) == ["t4", "t3", "t2", "t1", "t0"]
    pages = [_names(api, tasks, {"limit": 2, "offset": offset}) for offset in (0, 2, 4, 5, 10**20)]
    assert pages == [["t4", "t3"], ["t2", "t1"], ["t0"], [], []]
    assert _names(api, tasks, {"direction": "asc", "limit": 2}) == ["t0", "t1"]


def test_sort_by_updated_at(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    _make(api, tasks, 2)
    Task.objects.update(updated_at="2020-01-01T00:00:00Z")
    api.patch(f"{tasks}/{task['id']}", {"description": "changed"})
    assert _names(api, tasks, {"sort_by": "updated_at"})[0] == "Count"


def test_items_are_whole_tasks(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    api.patch(f"{tasks}/{task['id']}", {"helper": [{"log": "hi"}]})
    (item,) = api.get(tasks).json()["items"]
    assert item == api.get(f"/tasks/{task['id']}").json()
    assert item["helper"][0]["kind_"] == "log"


def test_tasks_of_other_agents_are_not_listed(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    other = api.post("/agents", {"name": "Bea"}).json()
    assert _names(api, f"/agents/{other['id']}/tasks") == []


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": 0}, 400, "Limit must be between 1 and 100"),
        ({"limit": 101}, 400, "Limit must be between 1 and 100"),
        ({"offset": -1}, 400, "Offset must be >= 0"),
        ({"limit": "ten"}, 422, "Validation error"),
        ({"sort_by": "name"}, 422, "Validation error"),
        ({"direction": "up"}, 422, "Validation error"),
    ],
)
def test_bad_paging(api: ApiClient, tasks: str, query: dict[str, Any], status: int, message: str) -> None:
    response = api.get(tasks, query)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("metadata_filter.a=1", {"a"}),
        ("metadata_filter[b][c]=true", {"b"}),
        ('metadata_filter={"a":1}', {"a"}),
        ("metadata_filter.a=2", set()),
        ("metadata_filter=nonsense", {"a", "b"}),
    ],
)
def test_metadata_filter(api: ApiClient, tasks: str, query: str, expected: set[str]) -> None:
    api.post(tasks, {"name": "a", "main": MAIN, "metadata": {"a": 1}})
    api.post(tasks, {"name": "b", "main": MAIN, "metadata": {"b": {"c": True}}})
    assert set(_names(api, tasks, query)) == expected


def test_number_of_queries_does_not_grow_with_the_list(api: ApiClient, tasks: str) -> None:
    counts = []
    for size in (2, 9):
        _make(api, tasks, size)
        with CaptureQueriesContext(connection) as queries:
            assert len(_names(api, tasks)) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4
