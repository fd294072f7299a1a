"""Requests to resources that are sent again with the same `Idempotency-Key`."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db.models import F

from agents.models import Agent, Developer
from docs_store.files import contents
from docs_store.files.services import prune_contents
from docs_store.models import Doc, File, FileContent
from executions.models import Execution
from julep_project.core.errors import StorageUnavailable
from julep_project.core.idempotency import rows
from julep_project.core.idempotency.models import IdempotencyKey
from tests.api_client import API_KEY, ApiClient
from tests.at_once import THREADS, statuses_at_once

KEY = {"Idempotency-Key": "k1"}
REPLAYED = "Idempotent-Replayed"
USER_ID = "01900000-0000-7000-8000-000000000000"
TASK = {"name": "Wait", "main": [{"wait_for_input": {"info": {"q": "1"}}}]}


def made_once(api: ApiClient, path: str, body: Any, **options: Any) -> dict[str, Any]:
    """What is answered to a request that is sent twice."""
    first, second = (api.post(path, body, headers=KEY, **options) for _ in range(2))
    assert first.status_code < 300, first.content
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert (first.headers.get(REPLAYED), second.headers.get(REPLAYED)) == (None, "true")
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    answer: dict[str, Any] = first.json()
    return answer


def error_of(answer: Any) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["error"]["code"], answer.headers.get("x-should-retry")


def test_agents(api: ApiClient) -> None:
    made_once(api, "/agents", {"name": "Ada"})
    assert Agent.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {"name": "Bea"}),
        ("/projects", {"name": "Sea", "canonical_name": "sea"}),
        ("/agents/{agent}/tools", {"name": "ask", "function": {"parameters": {}}}),
        ("/agents/{agent}/docs", {"title": "Tides", "content": "of the sea"}),
        ("/agents/{agent}/tasks", TASK),
        ("/sessions", {"agent": "{agent}"}),
        (f"/users/{USER_ID}", {"name": "Cid"}),
    ],
)
def test_what_is_made_is_made_once(api: ApiClient, agent: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    filled = {
        name: value.format(agent=agent["id"]) if isinstance(value, str) else value for name, value in body.items()
    }
    made_once(api, path.format(agent=agent["id"]), filled)


def test_messages_and_deletions(api: ApiClient, agent: dict[str, Any]) -> None:
    session = api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    made_once(api, f"/sessions/{session}/messages", {"role": "user", "content": "Hi"})
    assert len(api.get(f"/sessions/{session}/messages").json()["items"]) == 1
    answers = [api.delete(f"/sessions/{session}", headers={"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    api.post(f"/agents/{agent['id']}/docs", {"title": "Tides", "content": "of the sea"})
    removed = [
        api.delete(f"/agents/{agent['id']}/docs", body={"delete_all": True}, headers={"Idempotency-Key": "k3"})
        for _ in range(2)
    ]
    assert len(removed[1].json()["items"]) == 1
    assert removed[0].content == removed[1].content


@pytest.mark.django_db(transaction=True)
def test_forms_differ_in_their_boundaries_only(
    api: ApiClient, agent: dict[str, Any], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)

    def upload(boundary: str, text: str) -> Any:
        head = 'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain'
        raw = f"--{boundary}\r\n{head}\r\n\r\n{text}\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return api.post(f"/agents/{agent['id']}/docs", raw=raw, content_type=kind, headers=KEY)

    first, second = upload("abcdef", "Ebb"), upload("uvwxyz", "Ebb")
    assert (first.status_code, second.content) == (201, first.content)
    assert Doc.objects.count() == 1
    assert error_of(upload("abcdef", "Flood")) == (409, "idempotency_key_taken", "false")


def test_runs_and_their_input(api: ApiClient, agent: dict[str, Any], flow: Any) -> None:
    task = api.post(f"/agents/{agent['id']}/tasks", TASK).json()["id"]
    run = made_once(api, f"/tasks/{task}/executions", {"input": {}})
    assert Execution.objects.count() == 1
    assert api.get(f"/executions/{run['id']}").json()["status"] == "queued"


def test_another_request_with_the_key_is_refused(api: ApiClient) -> None:
    assert api.post("/agents", {"name": "Ada"}, headers=KEY).status_code == 201
    taken = (409, "idempotency_key_taken", "false")
    assert error_of(api.post("/agents", {"name": "Bea"}, headers=KEY)) == taken
    assert error_of(api.post("/users", {"name": "Ada"}, headers=KEY)) == taken
    assert error_of(api.post("/agents?connection_pool=a", {"name": "Ada"}, headers=KEY)) == taken
    assert error_of(api.put(f"/agents/{Agent.objects.get().pk}", {"name": "Ada"}, headers=KEY)) == taken
    assert api.get("/agents", headers=KEY).status_code == 200
    assert Agent.objects.count() == 1


def test_a_request_that_failed_runs_again(api: ApiClient) -> None:
    assert api.post("/agents", {"name": ""}, headers=KEY).status_code == 422
    assert api.post("/agents", {"name": "Ada", "project": "sea"}, headers=KEY).status_code == 404
    api.post("/projects", {"name": "Sea", "canonical_name": "sea"})
    assert api.post("/agents", {"name": "Ada", "project": "sea"}, headers=KEY).status_code == 201
    assert Agent.objects.count() == 1


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "schlüssel", "k\x7f"])
def test_nonsense_keys(api: ApiClient, key: str) -> None:
    answer = api.post("/agents", {"name": "Ada"}, headers={"Idempotency-Key": key})
    assert error_of(answer) == (400, "idempotency_key_invalid", None)
    assert not Agent.objects.exists()


def test_strangers_learn_nothing_of_a_key(api: ApiClient) -> None:
    made = api.post("/agents", {"name": "Ada"}, headers=KEY)
    assert made.status_code == 201
    assert ApiClient("wrong").post("/agents", {"name": "Ada"}, headers=KEY).status_code == 403


def test_keys_are_of_a_tenant(developer: Developer, stranger: Developer) -> None:
    one, other = (rows.Asked(owner.pk, "k1", bytes(32)) for owner in (developer, stranger))
    rows.keep(one, rows.Answer(201, "application/json", b"{}"))
    assert rows.hold(other) is None
    assert rows.hold(one) is not None


def test_an_answer_that_is_too_large_is_told_of(api: ApiClient, settings: Any) -> None:
    settings.IDEMPOTENCY_ANSWER_KB = 0
    assert api.post("/agents", {"name": "Ada"}, headers=KEY).status_code == 201
    assert error_of(api.post("/agents", {"name": "Ada"}, headers=KEY)) == (409, "idempotency_answer_not_kept", "false")
    assert Agent.objects.count() == 1


def test_a_secret_answer_is_not_kept(api: ApiClient) -> None:
    first = api.post("/api_keys", {"label": "billing"}, headers=KEY)
    assert first.status_code == 201, first.content
    assert error_of(api.post("/api_keys", {"label": "billing"}, headers=KEY)) == (
        409,
        "idempotency_answer_not_kept",
        "false",
    )
    assert IdempotencyKey.objects.get().body is None
    assert len(api.get("/api_keys").json()["items"]) == 1


def test_keys_are_forgotten_after_a_day(api: ApiClient, developer: Developer) -> None:
    first = api.post("/agents", {"name": "Ada"}, headers=KEY).json()
    assert rows.prune() == 0
    IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=24))
    second = api.post("/agents", {"name": "Ada"}, headers=KEY).json()
    assert first["id"] != second["id"]
    assert api.post("/agents", {"name": "Ada"}, headers=KEY).json() == second
    IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=24))
    held = rows.begin(rows.Asked(developer.pk, "k2", bytes(32)))
    assert isinstance(held, rows.Begun)
    assert rows.prune() == 1
    assert IdempotencyKey.objects.get().key == "k2"


@pytest.mark.django_db(transaction=True)
def test_many_at_once(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY
    api = ApiClient()
    statuses = statuses_at_once(lambda _: api.post("/agents", {"name": "Ada"}, headers=KEY))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Agent.objects.count() == 1
    assert len(statuses) == THREADS
    assert api.post("/agents", {"name": "Ada"}, headers=KEY).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_one_that_is_under_way(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one comes in the middle of the first."""
    settings.AGENTS_API_KEY = API_KEY
    api, keep, beside = ApiClient(), rows.keep, []

    def slow_keep(asked: rows.Asked, answer: rows.Answer) -> None:
        beside.extend(statuses_at_once(lambda _: seen.append(again := api.post(*request, headers=KEY)) or again))
        keep(asked, answer)

    request, seen = ("/agents", {"name": "Ada"}), []
    monkeypatch.setattr(rows, "keep", slow_keep)
    assert api.post(*request, headers=KEY).status_code == 201
    assert beside == [409] * THREADS
    assert error_of(seen[0]) == (409, "idempotency_request_under_way", "true")
    assert seen[0].headers["Retry-After"] == "1"
    assert Agent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_answer_leaves_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AGENTS_API_KEY = API_KEY
    api = ApiClient()

    def crash(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(rows, "keep", crash)
        with pytest.raises(SystemExit):
            api.post("/agents", {"name": "Ada"}, headers=KEY)
    assert not Agent.objects.exists()
    assert api.post("/agents", {"name": "Ada"}, headers=KEY).status_code == 201
    assert Agent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_file_whose_request_fails_leaves_no_content(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AGENTS_API_KEY, settings.MEDIA_ROOT = API_KEY, str(tmp_path)
    storages["default"]
    api, body = ApiClient(), {"name": "a.txt", "content": base64.b64encode(b"Ebb").decode()}

    def fail(*_: Any) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(rows, "keep", fail)
        assert api.post("/files", body, headers=KEY).status_code == 503
    assert not File.objects.exists()
    FileContent.objects.update(created_at=F("created_at") - timedelta(days=2))
    assert prune_contents() == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    made_once(api, "/files", body)
    assert contents.read_base64(contents.storage_name(File.objects.get().developer_id, File.objects.get().pk), size=3)
