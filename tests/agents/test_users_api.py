"""Users over HTTP: every verb, every rule of the fields."""

import uuid
from typing import Any

import pytest

from agents.models import Developer, Project, User
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def user(api: ApiClient) -> dict[str, Any]:
    """A user as the API shows it."""
    body: dict[str, Any] = api.post("/users", {"name": "Ada", "about": "a", "metadata": {"x": 1, "y": 1}}).json()
    return body


@pytest.fixture
def foreign(stranger: Developer) -> User:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    return User.objects.create(developer=stranger, project=project, name="theirs")


def test_create_answers_the_whole_object(api: ApiClient, user: dict[str, Any]) -> None:
    assert uuid.UUID(user.pop("id")).version == 7
    assert user.pop("created_at") == user.pop("updated_at")
    assert user == {"name": "Ada", "about": "a", "project": "default", "metadata": {"x": 1, "y": 1}, "jobs": []}


def test_everything_may_be_left_out(api: ApiClient) -> None:
    created = api.post("/users", {})
    assert created.status_code == 201
    body = created.json()
    assert (body["name"], body["about"], body["metadata"], body["project"]) == ("", "", {}, "default")


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"name": 7}, "name", "string_type"),
        ({"name": "x" * 121}, "name", "string_too_long"),
        ({"name": "1st"}, "name", "string_pattern_mismatch"),
        ({"name": "a\nb"}, "name", "string_pattern_mismatch"),
        ({"about": "x" * 16001}, "about", "string_too_long"),
        ({"metadata": [1]}, "metadata", "dict_type"),
        ({"project": "1a"}, "project", "string_pattern_mismatch"),
        ([], "", "dict_type"),
    ],
)
def test_bad_fields(api: ApiClient, body: Any, loc: str, kind: str) -> None:
    response = api.post("/users", body)
    assert response.status_code == 422
    assert [(entry["loc"], entry["type"]) for entry in response.json()["error"]["details"]] == [(loc, kind)]
    assert not User.objects.exists()


def test_unknown_project(api: ApiClient, user: dict[str, Any]) -> None:
    for response in (
        api.post("/users", {"project": "nowhere"}),
        api.patch(f"/users/{user['id']}", {"project": "nowhere"}),
    ):
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "Project 'nowhere' not found"


def test_list_is_filtered_by_metadata_and_project(api: ApiClient, user: dict[str, Any], foreign: User) -> None:
    api.post("/projects", {"name": "p", "canonical_name": "other"})
    second = api.post("/users", {"name": "Bob", "project": "other"}).json()
    assert [row["id"] for row in api.get("/users").json()["items"]] == [second["id"], user["id"]]
    assert [row["id"] for row in api.get("/users?project=OTHER").json()["items"]] == [second["id"]]
    found = api.get('/users?metadata_filter={"x": 1}').json()["items"]
    assert [row["id"] for row in found] == [user["id"]]


@pytest.mark.parametrize("limit", ["0", "101"])
def test_limit_out_of_range(api: ApiClient, limit: str) -> None:
    response = api.get(f"/users?limit={limit}")
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Limit must be between 1 and 100"


def test_a_list_takes_two_queries(api: ApiClient, user: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        api.post("/users", {})
    with django_assert_max_num_queries(2):
        assert len(api.get("/users").json()["items"]) == 6


def test_put_resets_and_patch_merges(api: ApiClient, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}"
    patched = api.patch(path, {"metadata": {"y": 2}, "name": None}).json()
    assert (patched["name"], patched["about"], patched["metadata"]) == ("Ada", "a", {"x": 1, "y": 2})
    replaced = api.put(path, {"name": "Eve"}).json()
    assert (replaced["name"], replaced["about"], replaced["metadata"]) == ("Eve", "", {})
    assert api.get(path).json() == replaced


def test_post_with_id_creates_then_overwrites(api: ApiClient, foreign: User) -> None:
    assert api.post(f"/users/{MISSING}", {"name": "a", "about": "b"}).json()["id"] == MISSING
    updated = api.post(f"/users/{MISSING}", {"name": "c"})
    assert (updated.status_code, updated.json()["name"], updated.json()["about"]) == (201, "c", "")
    assert api.post(f"/users/{foreign.pk}", {"name": "mine"}).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_missing_and_foreign_users_look_alike(api: ApiClient, foreign: User, method: str) -> None:
    for user_id in (MISSING, str(foreign.pk)):
        response = api.send(method, f"/users/{user_id}", {"name": "n"})
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "User not found"
    assert User.objects.get(pk=foreign.pk).name == "theirs"


def test_delete(api: ApiClient, user: dict[str, Any]) -> None:
    path = f"/users/{user['id']}"
    gone = api.delete(path)
    assert (gone.status_code, gone.json()["id"], gone.json()["jobs"]) == (202, user["id"], [])
    assert api.delete(path).status_code == 404
    assert api.get(path).status_code == 404


def test_a_project_with_users_cannot_be_deleted(api: ApiClient) -> None:
    project = api.post("/projects", {"name": "p", "canonical_name": "other"}).json()
    api.post("/users", {"project": "other"})
    assert api.delete(f"/projects/{project['id']}").status_code == 409
