"""Reading runs: one, and lists of them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.models import Execution
from tests.api_client import ApiClient
from tests.executions_api.conftest import MISSING
from tests.flow_runner import FlowRunner


def _start(api: ApiClient, task_id: str, count: int, **fields: Any) -> list[str]:
    answers = [api.post(f"/tasks/{task_id}/executions", {"input": {"n": n}, **fields}) for n in range(count)]
    return [answer.json()["id"] for answer in answers]


def _ids(api: ApiClient, task_id: str, query: Any = None) -> list[str]:
    response = api.get(f"/tasks/{task_id}/executions", query)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"items"}
    return [item["id"] for item in response.json()["items"]]


def test_newest_first_and_pages_that_end(api: ApiClient, double: str) -> None:
    started = _start(api, double, 5)
    assert _ids(api, double) == started[::-1]
    pages = [_ids(api, double, {"limit": 2, "offset": offset}) for offset in (0, 2, 4, 5, 10**20)]
    assert pages == [[started[4], started[3]], [started[2], started[1]], [started[0]], [], []]
    assert _ids(api, double, {"direction": "asc", "limit": 1}) == [started[0]]


def test_an_item_is_the_whole_run(api: ApiClient, waiting: dict[str, Any]) -> None:
    whole = api.get(f"/api/executions/{waiting['id']}").json()
    assert whole == waiting and whole["waits"]
    listed = {name: value for name, value in waiting.items() if name != "waits"}
    assert api.get(f"/tasks/{waiting['task_id']}/executions").json()["items"] == [listed]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": 0}, 400, "Limit must be between 1 and 100"),
        ({"limit": 101}, 400, "Limit must be between 1 and 100"),
        ({"offset": -1}, 400, "Offset must be >= 0"),
        ({"sort_by": "status"}, 422, "Validation error"),
        ({"direction": "up"}, 422, "Validation error"),
    ],
)
def test_bad_paging(api: ApiClient, double: str, query: dict[str, Any], status: int, message: str) -> None:
    response = api.get(f"/tasks/{double}/executions", query)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


@pytest.mark.parametrize("query", ["metadata_filter.a=1", "metadata_filter[a]=1", 'metadata_filter={"a":1}'])
def test_metadata_filter(api: ApiClient, double: str, query: str) -> None:
    (wanted,) = _start(api, double, 1, metadata={"a": 1})
    _start(api, double, 1, metadata={"a": 2})
    assert _ids(api, double, query) == [wanted]


def test_number_of_queries_does_not_grow_with_the_list(api: ApiClient, double: str) -> None:
    counts = []
    for size in (2, 9):
        _start(api, double, size)
        with CaptureQueriesContext(connection) as queries:
            assert len(_ids(api, double)) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3


def test_unknown_foreign_and_malformed_ids(api: ApiClient, foreign_execution: Execution) -> None:  # D34
    for missing in (MISSING, foreign_execution.pk):
        response = api.get(f"/executions/{missing}")
        assert response.status_code == 404
        assert response.json()["error"]["message"] == f"Execution {missing} not found"
    assert api.get("/executions/no-uuid").status_code == 422
    assert api.get(f"/tasks/{MISSING}/executions").status_code == 404


ROUTES = [
    ("GET", "/executions"),
    ("GET", "/tasks/{id}/executions"),
    ("POST", "/tasks/{id}/executions"),
    ("PATCH", "/tasks/{id}/executions/{id}"),
    ("GET", "/executions/{id}"),
    ("PUT", "/executions/{id}"),
    ("POST", "/executions"),
    ("POST", "/executions/resume"),
    ("GET", "/executions/{id}/transitions"),
    ("GET", "/executions/{id}/transitions/{id}"),
    ("GET", "/executions/{id}/transitions.stream"),
    ("GET", "/executions/{id}/transitions/stream"),
    ("GET", "/executions/{id}/status.stream"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", ["wrong", None])
def test_a_wrong_key_is_refused_before_anything_else(api: ApiClient, method: str, path: str, key: str | None) -> None:
    response = ApiClient(key).send(method, path.format(id="no-uuid"), raw=b"{")
    assert response.status_code == 403
    assert response.json()["error"] == {
        "message": "Could not validate API KEY",
        "code": "http_403",
        "type": "http_error",
    }


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "{id}" in route[1]])
def test_ids_that_are_none(api: ApiClient, method: str, path: str) -> None:
    response = api.send(method, path.format(id="no-uuid"), {} if method != "GET" else None)
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["type"] == "uuid_parsing"


def _found(api: ApiClient, query: Any = None) -> list[str]:
    response = api.get("/executions", query)
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_runs_of_all_tasks(
    flow: FlowRunner, waiting: dict[str, Any], double: str, foreign_execution: Execution
) -> None:
    api = flow.api
    failed = flow.start(flow.create({"main": [{"error": "no"}]}).json()["id"], {}, metadata={"a": 1})["id"]
    queued = _start(api, double, 2)
    everything = [*queued[::-1], failed, waiting["id"]]

    assert _found(api) == everything
    assert _found(api, {"limit": 2, "offset": 1}) == everything[1:3]
    assert _found(api, {"direction": "asc", "limit": 1}) == everything[-1:]
    assert _found(api, {"status": "failed"}) == [failed]
    assert _found(api, "status=failed&status=awaiting_input") == [failed, waiting["id"]]
    assert _found(api, {"status": "failed,awaiting_input", "metadata_filter.a": 1}) == [failed]
    fault = Execution.objects.get(pk=failed)
    assert _found(api, {"error_type": fault.error_type, "error_hash": fault.error_hash}) == [failed]
    assert _found(api, {"error_type": "Other"}) == []
    assert _found(api, {"task_id": double, "status": "queued"}) == queued[::-1]
    agent = api.get(f"/tasks/{double}").json()["agent_id"]
    assert _found(api, {"agent_id": agent}) == queued[::-1]
    assert _found(api, {"agent_id": MISSING}) == _found(api, {"task_id": foreign_execution.task_id}) == []
    since = api.get(f"/executions/{queued[0]}").json()["created_at"]
    assert _found(api, {"since": since}) == [run for run in everything if run in _found(api, {"since": since})]
    assert set(_found(api, {"since": since})) | set(_found(api, {"until": since})) == set(everything)
    assert queued[0] in _found(api, {"since": since})


def test_a_cursor_goes_on_where_the_page_ended(api: ApiClient, double: str) -> None:
    started = _start(api, double, 5)
    first = api.get("/executions", {"limit": 2}).json()
    later = _start(api, double, 1)
    second = api.get("/executions", {"limit": 2, "cursor": first["next_cursor"]}).json()
    last = api.get("/executions", {"limit": 2, "cursor": second["next_cursor"]}).json()

    pages = [[item["id"] for item in page["items"]] for page in (first, second, last)]
    assert pages == [[started[4], started[3]], [started[2], started[1]], [started[0]]]
    assert last["next_cursor"] is None
    up = api.get("/executions", {"limit": 5, "direction": "asc"}).json()["next_cursor"]
    assert _found(api, {"cursor": up, "direction": "asc"}) == later


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"cursor": "nonsense"}, 400),
        ({"cursor": "MjAyNi0wMS0wMSB4"}, 400),
        ({"status": "lost"}, 422),
        ({"task_id": "no-uuid"}, 422),
        ({"since": "yesterday"}, 422),
        ({"limit": 101}, 400),
    ],
)
def test_what_a_list_of_all_runs_refuses(api: ApiClient, query: dict[str, Any], status: int) -> None:
    assert api.get("/executions", query).status_code == status
