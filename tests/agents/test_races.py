"""Requests at the same instant, on real connections."""

from typing import Any

import pytest

from agents.models import Agent, Project, Tool
from tests.api_client import API_KEY, ApiClient
from tests.at_once import THREADS, statuses_at_once

pytestmark = pytest.mark.django_db(transaction=True)

AGENT_ID = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def api(settings: Any) -> ApiClient:
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


def test_create_or_update_of_one_id(api: ApiClient) -> None:
    statuses = statuses_at_once(lambda n: api.post(f"/agents/{AGENT_ID}", {"name": f"n{n}"}))
    assert statuses == [201] * THREADS
    assert Agent.objects.count() == 1


def test_one_of_many_gets_the_tool_name(api: ApiClient) -> None:
    agent = api.post("/agents", {"name": "a"}).json()
    statuses = statuses_at_once(lambda n: api.post(f"/agents/{agent['id']}/tools", {"name": "t", "function": {}}))
    assert statuses == [201, *[409] * (THREADS - 1)]
    assert Tool.objects.count() == 1


def test_merged_metadata_loses_nothing(api: ApiClient) -> None:
    agent = api.post("/agents", {"name": "a"}).json()
    statuses_at_once(lambda n: api.patch(f"/agents/{agent['id']}", {"metadata": {f"k{n}": n}}))
    assert Agent.objects.get().metadata == {f"k{n}": n for n in range(THREADS)}


def test_one_delete_wins(api: ApiClient) -> None:
    agent = api.post("/agents", {"name": "a"}).json()
    statuses = statuses_at_once(lambda n: api.delete(f"/agents/{agent['id']}"))
    assert statuses == [202, *[404] * (THREADS - 1)]


def test_a_project_is_never_removed_under_a_new_agent(api: ApiClient) -> None:
    project = api.post("/projects", {"name": "p", "canonical_name": "p"}).json()

    def request(number: int) -> Any:
        if number == 0:
            return api.delete(f"/projects/{project['id']}")
        return api.post("/agents", {"name": f"a{number}", "project": "p"})

    statuses = statuses_at_once(request)
    assert set(statuses) <= {201, 202, 404, 409}
    assert Project.objects.filter(canonical_name="p").exists() == (Agent.objects.exists())
