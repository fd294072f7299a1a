"""Staff pages of this app."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, Developer, ModelUsage, Tool
from tests.api_client import ApiClient


@pytest.fixture
def staff(admin_client: Client, api: ApiClient, agent: dict[str, Any], developer: Developer) -> Client:
    """A signed-in staff user, with a row of every kind to look at."""
    api.post(f"/agents/{agent['id']}/tools", {"name": "t", "function": {}})
    ModelUsage.objects.create(developer=developer, model="offline/echo", prompt_tokens=1, completion_tokens=2)
    return admin_client


@pytest.mark.parametrize("model", ["agent", "developer", "modelusage", "project", "tool"])
def test_lists_and_details(staff: Client, model: str) -> None:
    response = staff.get(f"/admin/agents/{model}/")
    assert response.status_code == 200
    row = response.context["cl"].result_list[0]
    assert staff.get(f"/admin/agents/{model}/{row.pk}/change/").status_code == 200


def test_rows_cannot_be_edited(staff: Client) -> None:
    agent, tool = Agent.objects.get(), Tool.objects.get()
    assert staff.post(f"/admin/agents/agent/{agent.pk}/change/", {"name": "x"}).status_code == 403
    assert staff.post(f"/admin/agents/tool/{tool.pk}/delete/", {"post": "yes"}).status_code == 403


def test_strangers_are_sent_to_the_login_page(client: Client, db: None) -> None:
    response = client.get("/admin/agents/agent/")
    assert (response.status_code, response.headers["Location"].split("?")[0]) == (302, "/admin/login/")
