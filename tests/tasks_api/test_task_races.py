"""Requests at the same instant, on real connections."""

from typing import Any

import pytest

from tasks.models import Task, TaskVersion
from tests.api_client import API_KEY, ApiClient
from tests.at_once import THREADS, statuses_at_once
from tests.tasks_api.conftest import MAIN, MISSING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(settings: Any) -> ApiClient:
    """An authenticated client, on committed rows."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


def test_create_or_update_of_one_id(api: ApiClient, tasks: str) -> None:
    statuses = statuses_at_once(lambda n: api.post(f"{tasks}/{MISSING}", {"name": f"n{n}", "main": MAIN}))
    assert statuses == [201] * THREADS
    assert Task.objects.get().version_number == THREADS
    assert sorted(TaskVersion.objects.values_list("number", flat=True)) == list(range(1, THREADS + 1))


def test_patches_of_different_parts_lose_nothing(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    path = f"{tasks}/{task['id']}"
    statuses_at_once(lambda n: api.patch(path, {"metadata": {f"k{n}": n}, f"helper{n}": [{"log": f"{n}"}]}))
    after = api.get(f"/tasks/{task['id']}").json()
    assert after["metadata"] == {f"k{n}": n for n in range(THREADS)}
    assert [after[f"helper{n}"][0]["log"] for n in range(THREADS)] == [str(n) for n in range(THREADS)]


def test_one_delete_wins(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    assert statuses_at_once(lambda n: api.delete(f"{tasks}/{task['id']}")) == [202, *[404] * (THREADS - 1)]


def test_start_and_deletestatuses_at_once(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    def request(number: int) -> Any:
        if number == 0:
            return api.delete(f"{tasks}/{task['id']}")
        return api.post(f"/tasks/{task['id']}/executions", {"input": {"n": 1}})

    assert set(statuses_at_once(request)) <= {201, 202, 404}
    assert not Task.objects.exists()
