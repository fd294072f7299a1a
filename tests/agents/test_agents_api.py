"""Agents over HTTP: every verb, every rule of the fields."""

import re
import uuid
from typing import Any

import pytest

from agents.models import Agent, Developer, Project, Tool
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_create_answers_the_whole_object(api: ApiClient) -> None:
    response = api.post(
        "/agents",
        {
            "name": "Writer",
            "canonical_name": "writer",
            "about": "writes",
            "model": "gpt-4o-mini",
            "instructions": ["be brief"],
            "default_settings": {"temperature": 0.5},
            "default_system_template": "Hi {{ agent.name }}",
            "metadata": {"team": "docs"},
        },
    )
    body = response.json()
    assert response.status_code == 201
    assert uuid.UUID(body.pop("id")).version == 7
    created_at = body.pop("created_at")
    assert TIMESTAMP.fullmatch(created_at) and body.pop("updated_at") == created_at
    assert body == {
        "name": "Writer",
        "canonical_name": "writer",
        "project": "default",
        "about": "writes",
        "model": "gpt-4o-mini",
        "instructions": ["be brief"],
        "default_settings": {"temperature": 0.5},
        "default_system_template": "Hi {{ agent.name }}",
        "metadata": {"team": "docs"},
        "jobs": [],
    }


def test_defaults(agent: dict[str, Any]) -> None:
    assert re.fullmatch(r"writer_[0-9a-f]{8}", agent["canonical_name"])
    assert agent["about"] == agent["model"] == ""
    assert agent["instructions"] == []
    assert agent["default_settings"] == agent["metadata"] == {}
    assert "agent.name" in agent["default_system_template"]


@pytest.mark.parametrize("name", ["12 monkeys", "äöü", "日本", "_", "x" * 255])
def test_generated_canonical_name_fits_the_pattern(api: ApiClient, name: str) -> None:
    canonical_name = api.post("/agents", {"name": name}).json()["canonical_name"]
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,254}", canonical_name)


def test_command_line_client_sends_nulls_and_json_text(api: ApiClient) -> None:
    body: dict[str, Any] = {
        "name": "n",
        "about": None,
        "default_settings": None,
        "metadata": '{"a": 1}',
        "instructions": [],
    }
    created = api.post("/agents", body).json()
    assert (created["about"], created["default_settings"], created["metadata"]) == ("", {}, {"a": 1})


def test_one_instruction_may_be_text(api: ApiClient) -> None:
    assert api.post("/agents", {"name": "n", "instructions": "be kind"}).json()["instructions"] == ["be kind"]


def test_unknown_and_read_only_fields_are_ignored(api: ApiClient) -> None:
    created = api.post("/agents", {"name": "n", "id": MISSING, "created_at": "x", "colour": "red"})
    assert created.status_code == 201
    assert created.json()["id"] != MISSING and "colour" not in created.json()


def test_nul_characters_are_removed(api: ApiClient) -> None:
    created = api.post("/agents", {"name": "a\x00b", "metadata": {"k\x00": ["v\x00"]}}).json()
    assert created["name"] == "ab"
    assert created["metadata"] == {"k": ["v"]}


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "name", "missing"),
        ({"name": None}, "name", "string_type"),
        ({"name": ""}, "name", "string_too_short"),
        ({"name": "x" * 256}, "name", "string_too_long"),
        ({"name": 7}, "name", "string_type"),
        ({"name": "n", "canonical_name": "1a"}, "canonical_name", "string_pattern_mismatch"),
        ({"name": "n", "canonical_name": "a\n"}, "canonical_name", "string_pattern_mismatch"),
        ({"name": "n", "canonical_name": "é"}, "canonical_name", "string_pattern_mismatch"),
        ({"name": "n", "canonical_name": "a" * 256}, "canonical_name", "string_too_long"),
        ({"name": "n", "about": "x" * 16001}, "about", "string_too_long"),
        ({"name": "n", "metadata": "nonsense"}, "metadata", "json_invalid"),
        ({"name": "n", "metadata": "[1]"}, "metadata", "dict_type"),
        ({"name": "n", "metadata": []}, "metadata", "dict_type"),
        ({"name": "n", "instructions": {"a": 1}}, "instructions", "list_type"),
        ({"name": "n", "instructions": ["a", 1]}, "instructions[1]", "string_type"),
        ([], "", "dict_type"),
        ("text", "", "dict_type"),
    ],
)
def test_bad_fields(api: ApiClient, body: Any, loc: str, kind: str) -> None:
    response = api.post("/agents", body)
    error = response.json()["error"]
    assert response.status_code == 422
    assert (error["message"], error["code"], error["type"]) == ("Validation error", *["validation_error"] * 2)
    assert [(entry["loc"], entry["type"]) for entry in error["details"]] == [(loc, kind)]
    assert error["details"][0]["fix"]
    assert not Agent.objects.exists()


def test_details_name_bound_value_and_example(api: ApiClient) -> None:
    details = api.post("/agents", {"name": ""}).json()["error"]["details"]
    assert details == [
        {
            "loc": "name",
            "msg": "String should have at least 1 characters",
            "type": "string_too_short",
            "received": "",
            "fix": "Provide text of at least 1 characters",
            "example": "x",
        }
    ]


def test_long_values_are_shown_shortened(api: ApiClient) -> None:
    (entry,) = api.post("/agents", {"name": "x" * 256}).json()["error"]["details"]
    assert len(entry["received"]) < 110
    assert "255" in entry["fix"] and "256" in entry["note"]


def test_unknown_project(api: ApiClient) -> None:
    response = api.post("/agents", {"name": "n", "project": "nowhere"})
    assert response.status_code == 404
    assert response.json() == {
        "error": {"message": "Project 'nowhere' not found", "code": "http_404", "type": "http_error"}
    }


def test_project_of_another_developer_is_unknown(api: ApiClient, stranger: Developer) -> None:
    Project.objects.create(developer=stranger, name="x", canonical_name="theirs")
    assert api.post("/agents", {"name": "n", "project": "theirs"}).status_code == 404


def test_canonical_name_is_unique_without_regard_to_case(api: ApiClient) -> None:
    api.post("/agents", {"name": "a", "canonical_name": "Same"})
    response = api.post("/agents", {"name": "b", "canonical_name": "sAME"})
    assert response.status_code == 409
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"] == {
        "message": "An agent with this canonical name already exists during create",
        "code": "http_409",
        "type": "http_error",
    }


def test_canonical_name_may_repeat_across_developers(api: ApiClient, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    Agent.objects.create(developer=stranger, project=project, name="a", canonical_name="same")
    assert api.post("/agents", {"name": "a", "canonical_name": "same"}).status_code == 201


def test_get(api: ApiClient, agent: dict[str, Any]) -> None:
    response = api.get(f"/agents/{agent['id']}")
    assert response.status_code == 200
    assert {**response.json(), "jobs": []} == agent


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_missing_and_foreign_agents_look_alike(api: ApiClient, stranger: Developer, method: str) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = Agent.objects.create(developer=stranger, project=project, name="a", canonical_name="a")
    for agent_id in (MISSING, str(foreign.id)):
        response = api.send(method, f"/agents/{agent_id}", {"name": "n"})
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "Agent not found"
    assert Agent.objects.get(pk=foreign.id).name == "a"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_id_that_is_no_uuid(api: ApiClient, method: str) -> None:
    response = api.send(method, "/agents/not-an-id", {"name": "n"})
    (entry,) = response.json()["error"]["details"]
    assert response.status_code == 422
    assert (entry["loc"], entry["type"], entry["received"]) == ("path.id", "uuid_parsing", "not-an-id")


def test_put_resets_what_is_left_out_and_keeps_the_canonical_name(api: ApiClient) -> None:
    before = api.post(
        "/agents", {"name": "a", "about": "b", "instructions": ["c"], "metadata": {"d": 1}, "model": "m"}
    ).json()
    response = api.put(f"/agents/{before['id']}", {"name": "z"})
    after = response.json()
    assert response.status_code == 200
    assert (after["name"], after["about"], after["instructions"], after["metadata"], after["model"]) == (
        "z",
        "",
        [],
        {},
        "",
    )
    assert after["canonical_name"] == before["canonical_name"]
    assert after["created_at"] == before["created_at"] and after["updated_at"] >= before["updated_at"]


def test_put_needs_a_name(api: ApiClient, agent: dict[str, Any]) -> None:
    assert api.put(f"/agents/{agent['id']}", {"about": "x"}).status_code == 422


def test_patch_merges_metadata_replaces_settings_and_skips_nulls(api: ApiClient) -> None:
    before = api.post(
        "/agents",
        {"name": "a", "about": "b", "metadata": {"x": 1, "y": 1}, "default_settings": {"temperature": 1}},
    ).json()
    response = api.patch(
        f"/agents/{before['id']}",
        {"name": None, "about": None, "metadata": {"y": 2, "z": 3}, "default_settings": {"top_p": 1}},
    )
    after = response.json()
    assert response.status_code == 200
    assert (after["name"], after["about"]) == ("a", "b")
    assert after["metadata"] == {"x": 1, "y": 2, "z": 3}
    assert after["default_settings"] == {"top_p": 1}


def test_patch_into_a_taken_canonical_name(api: ApiClient, agent: dict[str, Any]) -> None:
    api.post("/agents", {"name": "b", "canonical_name": "taken"})
    response = api.patch(f"/agents/{agent['id']}", {"canonical_name": "TAKEN"})
    assert response.status_code == 409
    assert "already exists during partial_update" in response.json()["error"]["message"]


def test_post_with_id_creates_then_overwrites(api: ApiClient) -> None:
    created = api.post(f"/agents/{MISSING}", {"name": "a", "about": "b"})
    assert (created.status_code, created.json()["id"], created.json()["jobs"]) == (201, MISSING, [])
    updated = api.post(f"/agents/{MISSING}", {"name": "c"})
    assert updated.status_code == 201
    assert (updated.json()["name"], updated.json()["about"]) == ("c", "")
    assert updated.json()["canonical_name"] == created.json()["canonical_name"]


def test_post_with_an_id_of_another_developer(api: ApiClient, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = Agent.objects.create(developer=stranger, project=project, name="a", canonical_name="a")
    assert api.post(f"/agents/{foreign.id}", {"name": "mine"}).status_code == 404
    assert Agent.objects.get().name == "a"


def test_delete_removes_tools_and_a_second_delete_finds_nothing(api: ApiClient, agent: dict[str, Any]) -> None:
    api.post(f"/agents/{agent['id']}/tools", {"name": "t", "type": "function", "function": {}})
    response = api.delete(f"/agents/{agent['id']}")
    body = response.json()
    assert response.status_code == 202
    assert body["id"] == agent["id"] and body["jobs"] == [] and TIMESTAMP.fullmatch(body["deleted_at"])
    assert not Tool.objects.exists()
    assert api.delete(f"/agents/{agent['id']}").status_code == 404
    assert api.get(f"/agents/{agent['id']}").status_code == 404
