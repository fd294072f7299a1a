"""Projects over HTTP."""

from typing import Any

import pytest

from agents.models import Developer, Project
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def project(api: ApiClient) -> dict[str, Any]:
    """A project besides `default`."""
    body: dict[str, Any] = api.post(
        "/projects", {"name": "Labs", "canonical_name": "labs", "metadata": {"a": 1}}
    ).json()
    return body


@pytest.fixture
def default_id(developer: Developer) -> str:
    """Id of the project `default`."""
    return str(Project.objects.get(developer=developer, canonical_name="default").id)


def test_the_default_project_is_there(api: ApiClient) -> None:
    (only,) = api.get("/projects").json()["items"]
    assert (only["name"], only["canonical_name"], only["metadata"]) == ("default", "default", {})


def test_create_and_get(api: ApiClient, project: dict[str, Any]) -> None:
    assert project["jobs"] == [] and project["canonical_name"] == "labs"
    assert {**api.get(f"/projects/{project['id']}").json(), "jobs": []} == project
    assert [item["canonical_name"] for item in api.get("/projects").json()["items"]] == ["labs", "default"]


def test_canonical_name_is_unique(api: ApiClient, project: dict[str, Any]) -> None:
    response = api.post("/projects", {"name": "again", "canonical_name": "LABS"})
    assert response.status_code == 409
    assert response.json()["error"]["message"] == "A project with this canonical name already exists during create"


def test_put_and_patch(api: ApiClient, project: dict[str, Any]) -> None:
    path = f"/projects/{project['id']}"
    patched = api.patch(path, {"metadata": {"b": 2}}).json()
    assert (patched["name"], patched["metadata"]) == ("Labs", {"a": 1, "b": 2})
    replaced = api.put(path, {"name": "New"}).json()
    assert (replaced["name"], replaced["metadata"], replaced["canonical_name"]) == ("New", {}, "labs")


def test_post_with_id(api: ApiClient) -> None:
    assert api.post(f"/projects/{MISSING}", {"name": "a"}).json()["id"] == MISSING
    again = api.post(f"/projects/{MISSING}", {"name": "b"})
    assert (again.status_code, again.json()["name"]) == (201, "b")


def test_delete(api: ApiClient, project: dict[str, Any]) -> None:
    path = f"/projects/{project['id']}"
    agent = api.post("/agents", {"name": "a", "project": "labs"}).json()
    assert api.delete(path).status_code == 409
    api.delete(f"/agents/{agent['id']}")
    assert api.delete(path).status_code == 202
    assert api.delete(path).status_code == 404


def test_default_cannot_be_deleted_or_renamed(api: ApiClient, default_id: str) -> None:
    path = f"/projects/{default_id}"
    assert api.delete(path).status_code == 403
    for method in ("PUT", "PATCH", "POST"):
        response = api.send(method, path, {"name": "d", "canonical_name": "other"})
        assert (response.status_code, response.json()["error"]["message"]) == (
            403,
            "The default project cannot be renamed",
        )
    assert api.patch(path, {"metadata": {"a": 1}}).status_code == 200


def test_missing_and_foreign_projects_look_alike(api: ApiClient, stranger: Developer) -> None:
    foreign = Project.objects.create(developer=stranger, name="x", canonical_name="x")
    for project_id in (MISSING, foreign.id):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            response = api.send(method, f"/projects/{project_id}", {"name": "n"})
            assert (response.status_code, response.json()["error"]["message"]) == (404, "Project not found")
