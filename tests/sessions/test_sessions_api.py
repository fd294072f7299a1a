"""Sessions over HTTP: every verb, every rule of the fields."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, User
from sessions.models import Entry, Session
from tests.api_client import ApiClient
from tests.sessions.conftest import MISSING, Json, messages_of

WRONG_PARTICIPANT = "The specified participant ID is invalid for the given participant type during create"
OpenSession = Callable[..., Json]


def test_create_answers_the_whole_object(session: Json, agent: Json) -> None:
    assert uuid.UUID(session.pop("id")).version == 7
    assert session.pop("created_at") == session.pop("updated_at")
    assert session == {
        "kind": "single_agent_no_user",
        "agent": agent["id"],
        "agents": [agent["id"]],
        "users": [],
        "situation": None,
        "system_template": None,
        "summary": None,
        "render_templates": True,
        "auto_run_tools": False,
        "forward_tool_calls": False,
        "token_budget": None,
        "context_overflow": None,
        "on_busy": "enqueue",
        "recall_options": None,
        "metadata": {},
        "jobs": [],
    }


def test_every_field_is_kept(api: ApiClient, open_session: OpenSession) -> None:
    fields = {
        "situation": "It rains.",
        "system_template": "Hi",
        "render_templates": False,
        "auto_run_tools": True,
        "forward_tool_calls": True,
        "token_budget": 100,
        "context_overflow": "adaptive",
        "on_busy": "reject",
        "metadata": {"a": {"b": [1]}},
    }
    created = open_session(**fields)
    assert {name: created[name] for name in fields} == fields
    assert api.get(f"/sessions/{created['id']}").json() == {k: v for k, v in created.items() if k != "jobs"}


def test_participants_in_the_order_given(api: ApiClient, agent: Json, user: Json) -> None:
    second = api.post("/agents", {"name": "Second"}).json()
    created = api.post("/sessions", {"agents": [second["id"], agent["id"], second["id"]], "users": [user["id"]]}).json()
    assert created["agents"] == [second["id"], agent["id"]]
    assert (created["users"], created["user"]) == ([user["id"]], user["id"])
    assert "agent" not in created
    assert created["kind"] == "multi_agent_single_user"


def test_other_names_of_participants(api: ApiClient, agent: Json, user: Json) -> None:
    created = api.post("/sessions", {"agent_id": agent["id"], "user_id": user["id"]}).json()
    assert (created["agent"], created["user"]) == (agent["id"], user["id"])


def test_users_win_over_user(api: ApiClient, agent: Json, user: Json) -> None:
    other = api.post("/users", {"name": "Bob"}).json()
    body = {"agent": agent["id"], "user": other["id"], "users": [user["id"]]}
    assert api.post("/sessions", body).json()["users"] == [user["id"]]


@pytest.mark.parametrize("method", ["POST", "POST with id"])
def test_agent_or_agents(api: ApiClient, agent: Json, method: str) -> None:
    path = "/sessions" if method == "POST" else f"/sessions/{MISSING}"
    both = api.post(path, {"agent": agent["id"], "agents": [agent["id"]]})
    assert (both.status_code, both.json()["error"]["code"]) == (400, "http_400")
    assert both.json()["error"]["message"] == "Only one of 'agent' or 'agents' should be provided"
    for body in ({}, {"agents": []}, {"agent": None}):
        none = api.post(path, body)
        assert (none.status_code, none.json()["error"]["message"]) == (400, "At least one agent must be provided")


@pytest.mark.parametrize("role", ["agent", "user"])
@pytest.mark.parametrize("whose", ["missing", "foreign"])
def test_unknown_participants(api: ApiClient, agent: Json, foreign_session: Session, role: str, whose: str) -> None:
    model: Any = Agent if role == "agent" else User
    foreign = model.objects.get(developer=foreign_session.developer)
    body = {"agent": agent["id"], role: MISSING if whose == "missing" else str(foreign.pk)}
    created = api.post("/sessions", body)
    assert (created.status_code, created.json()["error"]["message"]) == (400, WRONG_PARTICIPANT)
    with_id = api.post(f"/sessions/{uuid.uuid4()}", body)
    assert (with_id.status_code, with_id.json()["error"]["message"]) == (400, f"{WRONG_PARTICIPANT} or update")
    assert Session.objects.get() == foreign_session


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"situation": ""}, "situation", "string_too_short"),
        ({"situation": 7}, "situation", "string_type"),
        ({"token_budget": 0}, "token_budget", "greater_than_equal"),
        ({"token_budget": 2**31}, "token_budget", "less_than_equal"),
        ({"token_budget": "many"}, "token_budget", "int_type"),
        ({"context_overflow": "forget"}, "context_overflow", "enum"),
        ({"on_busy": "shout"}, "on_busy", "enum"),
        ({"render_templates": "maybe"}, "render_templates", "bool_type"),
        ({"metadata": [1]}, "metadata", "dict_type"),
        ({"agent": "x"}, "agent", "uuid_parsing"),
        ({"agents": ["x"]}, "agents[0]", "uuid_parsing"),
        ({"recall_options": {"mode": "guess"}}, "recall_options.mode", "enum"),
        ({"recall_options": {"num_search_messages": 51}}, "recall_options.num_search_messages", "less_than_equal"),
        ({"recall_options": {"confidence": -2}}, "recall_options.confidence", "greater_than_equal"),
        ([], "", "dict_type"),
    ],
)
def test_bad_fields(api: ApiClient, body: Any, loc: str, kind: str) -> None:
    response = api.post("/sessions", body)
    assert response.status_code == 422
    assert [(entry["loc"], entry["type"]) for entry in response.json()["error"]["details"]] == [(loc, kind)]
    assert not Session.objects.exists()


@pytest.mark.parametrize("raw", [b'{"situation": "\\ud800"}', b'{"situation": "\xff"}'])
def test_text_that_is_none(api: ApiClient, raw: bytes) -> None:
    response = api.post("/sessions", raw=raw)
    assert (response.status_code, response.json()["error"]["details"][0]["type"]) == (422, "json_invalid")


def test_nul_is_removed(open_session: OpenSession) -> None:
    created = open_session(situation="a\0b", metadata={"k\0": "\0"})
    assert (created["situation"], created["metadata"]) == ("ab", {"k": ""})


def test_recall_options_get_the_defaults_of_their_mode(open_session: OpenSession) -> None:
    vector = open_session(recall_options={})["recall_options"]
    assert (vector["mode"], vector["confidence"], vector["num_search_messages"]) == ("vector", 0.5, 4)
    assert "alpha" not in vector
    text = open_session(recall_options={"mode": "text", "limit": 3})["recall_options"]
    assert (text["mode"], text["limit"]) == ("text", 3)
    assert "confidence" not in text


def test_patch_merges_recall_options(api: ApiClient, open_session: OpenSession) -> None:
    path = f"/sessions/{open_session(recall_options={'confidence': 0.1, 'limit': 3})['id']}"
    changed = api.patch(path, {"recall_options": {"limit": 4}}).json()["recall_options"]
    assert (changed["mode"], changed["confidence"], changed["limit"]) == ("vector", 0.1, 4)
    hybrid = api.patch(path, {"recall_options": {"mode": "hybrid"}}).json()["recall_options"]
    assert (hybrid["mode"], hybrid["confidence"], hybrid["limit"], hybrid["alpha"]) == ("hybrid", 0.1, 4, 0.5)


def test_patch_changes_only_what_it_names(api: ApiClient, open_session: OpenSession) -> None:
    created = open_session(
        auto_run_tools=True, forward_tool_calls=True, render_templates=False, metadata={"a": 1, "b": 1}, situation="s"
    )
    path = f"/sessions/{created['id']}"
    changed = api.patch(path, {"metadata": {"b": 2}, "situation": None, "auto_run_tools": None}).json()
    assert changed["metadata"] == {"a": 1, "b": 2}
    assert changed["updated_at"] >= created["updated_at"]
    same = set(created) - {"metadata", "updated_at", "jobs"}
    assert {name: changed[name] for name in same} == {name: created[name] for name in same}
    assert api.get(path).json() == changed


def test_put_resets_what_it_leaves_out(api: ApiClient, open_session: OpenSession) -> None:
    created = open_session(auto_run_tools=True, token_budget=5, metadata={"a": 1}, recall_options={})
    replaced = api.put(f"/sessions/{created['id']}", {"situation": "new"})
    assert replaced.status_code == 200
    body = replaced.json()
    assert (body["situation"], body["auto_run_tools"], body["token_budget"]) == ("new", False, None)
    assert (body["metadata"], body["recall_options"]) == ({}, None)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_participants_stay(api: ApiClient, session: Json, agent: Json, user: Json, method: str) -> None:
    other = api.post("/agents", {"name": "Other"}).json()
    changed = api.send(method, f"/sessions/{session['id']}", {"agent": other["id"], "users": [user["id"]]})
    assert changed.status_code in (200, 201)
    assert (changed.json()["agents"], changed.json()["users"]) == ([agent["id"]], [])


def test_post_with_id_creates_then_overwrites(api: ApiClient, agent: Json) -> None:
    path = f"/sessions/{MISSING}"
    first = api.post(path, {"agent": agent["id"], "situation": "a", "metadata": {"x": 1}})
    assert (first.status_code, first.json()["id"], first.json()["situation"]) == (201, MISSING, "a")
    second = api.post(path, {"agent": agent["id"], "auto_run_tools": True})
    assert second.status_code == 201
    assert (second.json()["situation"], second.json()["metadata"], second.json()["auto_run_tools"]) == (None, {}, True)


def test_post_with_the_id_of_another_tenant(api: ApiClient, agent: Json, foreign_session: Session) -> None:
    response = api.post(f"/sessions/{foreign_session.pk}", {"agent": agent["id"]})
    assert (response.status_code, response.json()["error"]["message"]) == (404, "Session not found")


@pytest.mark.parametrize(
    ("method", "ending", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {}),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("GET", "/history", None),
        ("DELETE", "/history", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"role": "user", "content": "hi"}),
        ("GET", "/tools", None),
    ],
)
def test_missing_and_foreign_sessions_look_alike(
    api: ApiClient, foreign_session: Session, method: str, ending: str, body: Any
) -> None:
    for session_id in (MISSING, str(foreign_session.pk)):
        response = api.send(method, f"/sessions/{session_id}{ending}", body)
        assert (response.status_code, response.json()["error"]["message"]) == (404, "Session not found")
    foreign_session.refresh_from_db()
    assert foreign_session.situation == "theirs"


def test_an_id_that_is_none(api: ApiClient) -> None:
    response = api.get("/sessions/x")
    assert (response.status_code, response.json()["error"]["details"][0]["type"]) == (422, "uuid_parsing")


def test_delete_takes_what_was_said_along(api: ApiClient, session: Json) -> None:
    api.post(messages_of(session), {"role": "user", "content": "hi"})
    path = f"/sessions/{session['id']}"
    gone = api.delete(path)
    assert (gone.status_code, gone.json()["id"], gone.json()["jobs"]) == (202, session["id"], [])
    assert api.delete(path).status_code == 404
    assert not Entry.objects.exists()


def test_a_session_outlives_its_participants(
    api: ApiClient, agent: Json, user: Json, open_session: OpenSession
) -> None:
    path = f"/sessions/{open_session(user=user['id'])['id']}"
    assert api.delete(f"/users/{user['id']}").status_code == 202
    assert api.delete(f"/agents/{agent['id']}").status_code == 202
    left = api.get(path)
    assert (left.status_code, left.json()["agents"], left.json()["users"]) == (200, [], [])
    assert api.post(f"{path}/messages", {"role": "user", "content": "anybody?"}).status_code == 201


def test_list_newest_first_and_by_metadata(api: ApiClient, open_session: OpenSession, foreign_session: Session) -> None:
    first = open_session(metadata={"topic": "tides"})
    second = open_session(metadata={"topic": "moons"})
    assert [row["id"] for row in api.get("/sessions").json()["items"]] == [second["id"], first["id"]]
    found = api.get("/sessions", "metadata_filter.topic=tides").json()["items"]
    assert [row["id"] for row in found] == [first["id"]]
    assert api.get("/sessions", "offset=2").json() == {"items": []}


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("limit=0", 400, "Limit must be between 1 and 1000"),
        ("limit=1001", 400, "Limit must be between 1 and 1000"),
        ("offset=-1", 400, "Offset must be >= 0"),
        ("sort_by=situation", 422, "Validation error"),
        ("direction=up", 422, "Validation error"),
    ],
)
@pytest.mark.parametrize("ending", ["", "/messages", "/tools"])
def test_paging_out_of_range(api: ApiClient, session: Json, ending: str, query: str, status: int, message: str) -> None:
    path = f"/sessions/{session['id']}{ending}" if ending else "/sessions"
    response = api.get(path, query)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


@pytest.mark.parametrize("count", [2, 6])
def test_a_list_takes_as_many_queries_however_long(
    api: ApiClient, open_session: OpenSession, user: Json, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        open_session(user=user["id"])
    with django_assert_num_queries(4):
        assert len(api.get("/sessions").json()["items"]) == count


@pytest.mark.parametrize("name", ["agents", "users"])
def test_a_session_has_a_bounded_number_of_participants(api: ApiClient, agent: Json, name: str) -> None:
    answer = api.post("/sessions", {"agents": [agent["id"]], name: [MISSING] * 101})
    [detail] = answer.json()["error"]["details"]
    assert (answer.status_code, detail["loc"], detail["type"]) == (422, name, "too_long")
