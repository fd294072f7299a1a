"""Resume and cancel, by every address."""

from typing import Any

import pytest

from executions.models import Branch, Execution, Transition
from executions.states import BranchStatus, TransitionType
from executions.wait_tokens import task_token
from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from tests.api_client import ApiClient
from tests.executions_api.conftest import MISSING, tokens
from tests.flow_runner import FlowRunner

RESUME = {"status": "running", "input": {"name": "Ada"}}


def _unchanged(api: ApiClient, execution: dict[str, Any]) -> None:
    assert api.get(f"/executions/{execution['id']}").json() == execution
    assert Transition.objects.filter(execution=execution["id"]).count() == execution["transition_count"]


# -- resume -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/executions/{id}", RESUME),
        ("PUT", "/api/executions/{id}", RESUME),
        ("PUT", "/executions/{id}", {"input": {"name": "Ada"}}),
        ("PUT", "/executions/{id}", {**RESUME, "task_token": "{token}"}),
        ("PATCH", "/tasks/{task_id}/executions/{id}", RESUME),
        ("POST", "/executions/resume", {**RESUME, "task_token": "{token}"}),
        ("POST", "/executions/resume", {"input": {"name": "Ada"}, "task_token": "{token}"}),
        ("POST", "/executions/resume?task_token={token}", RESUME),
        ("POST", "/executions?task_token={token}", RESUME),
        ("POST", "/api/executions?task_token={token}", RESUME),
    ],
)
def test_resume(flow: FlowRunner, waiting: dict[str, Any], method: str, path: str, body: dict[str, Any]) -> None:
    (token,) = tokens(flow, waiting["id"])
    if "task_token" in body:
        body = {**body, "task_token": token}

    response = flow.api.send(method, path.format(id=waiting["id"], task_id=waiting["task_id"], token=token), body)

    assert response.status_code == 200, response.json()
    assert (response.json()["id"], response.json()["status"]) == (waiting["id"], "running")
    assert response.json()["transition_count"] == waiting["transition_count"] + 1
    resumed = Transition.objects.get(type=TransitionType.RESUME)
    assert resumed.output == {"name": "Ada"}
    assert resumed.metadata == {"resumed_by": {"kind": "internal", "id": "", "name": ""}}
    waited = Transition.objects.get(type=TransitionType.WAIT)
    assert resumed.current == waited.current
    assert Branch.objects.get().status == BranchStatus.READY


@pytest.mark.parametrize("value", [None, 0, "", [], {}, "text", [1, {"a": None}], 2**70])
def test_input_may_be_any_json(flow: FlowRunner, waiting: dict[str, Any], value: Any) -> None:
    assert flow.resume(waiting["id"], value)["output"] == {"answer": value}


SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "items": {"type": "array", "items": {"type": "integer"}}},
    "required": ["ok"],
}


def test_an_answer_has_to_fit_the_schema_that_the_wait_shows(flow: FlowRunner, make_task: Any) -> None:
    asking = {"wait_for_input": {"info": {"question": "Ship?", "schema": SCHEMA}}}
    run = flow.start(make_task({"main": [asking, {"evaluate": "$ _"}]}), {})
    (token,) = tokens(flow, run["id"])
    for method, path, more in (
        ("PUT", f"/executions/{run['id']}", {}),
        ("POST", "/executions/resume", {"task_token": token}),
    ):
        refused = flow.api.send(method, path, {"status": "running", "input": {"items": [1, "x"]}, **more})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "validation_error")
        places = {detail["loc"]: detail["msg"] for detail in refused.json()["error"]["details"]}
        assert places == {"input": "'ok' is a required property", "input.items[1]": "'x' is not of type 'integer'"}
    _unchanged(flow.api, run)
    assert flow.resume(run["id"], {"ok": True, "items": [1]})["output"] == {"ok": True, "items": [1]}


@pytest.mark.parametrize("schema", [None, "object", {}, {"type": "form"}, {"$ref": "#/nowhere"}])
def test_what_is_no_schema_asks_for_nothing(flow: FlowRunner, make_task: Any, schema: Any) -> None:
    run = flow.start(make_task({"main": [{"wait_for_input": {"info": {"schema": schema}}}]}), {})
    assert flow.resume(run["id"], "anything")["output"] == "anything"


def test_only_those_may_answer_whom_the_wait_names(flow: FlowRunner, make_task: Any) -> None:
    asking = {"wait_for_input": {"info": {"assignees": ["staff:anna", "key:refunds", "the boss"]}}}
    run = flow.start(make_task({"main": [asking]}), {})
    (token,) = tokens(flow, run["id"])
    keys = [flow.api.post("/api_keys", {"label": label}).json()["key"] for label in ("refunds", "anna")]
    named, other = (ApiClient(key=key) for key in keys)
    for client in (flow.api, other):
        for refused in (
            client.put(f"/executions/{run['id']}", RESUME),
            client.post("/executions/resume", {**RESUME, "task_token": token}),
        ):
            told = "This wait may be answered only by: staff:anna, key:refunds"
            assert (refused.status_code, refused.json()["error"]["message"]) == (403, told)
    _unchanged(flow.api, run)

    assert named.put(f"/executions/{run['id']}", RESUME).status_code == 200
    resumed_by = Transition.objects.get(type=TransitionType.RESUME).metadata["resumed_by"]
    assert (resumed_by["kind"], resumed_by["name"]) == ("key", "refunds")


@pytest.mark.parametrize("assignees", ["key:AGENTS_API_KEY", ["boss", 5, ["key:x"]], {"key:x": 1}, None])
def test_whom_the_server_does_not_know_may_be_anybody(flow: FlowRunner, make_task: Any, assignees: Any) -> None:
    run = flow.start(make_task({"main": [{"wait_for_input": {"info": {"assignees": assignees}}}]}), {})
    assert flow.resume(run["id"], "fine")["output"] == "fine"


def test_several_waits_and_no_token(flow: FlowRunner, waiting_twice: dict[str, Any]) -> None:
    response = flow.api.put(f"/executions/{waiting_twice['id']}", RESUME)
    assert response.status_code == 400
    waits = [row["current"] for row in flow.log(waiting_twice["id"]) if row["type"] == "wait"]
    assert len(waits) == 2
    assert response.json()["error"]["waiting"] == waits
    _unchanged(flow.api, waiting_twice)


def test_each_of_several_waits_is_resumed_by_its_token(  # D46
    flow: FlowRunner, waiting_twice: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    token_of = {
        row["output"]["who"]: row["metadata"]["task_token"]
        for row in flow.log(waiting_twice["id"])
        if row["type"] == "wait"
    }
    with django_capture_on_commit_callbacks(execute=True):
        answer = flow.api.post("/executions/resume", {"task_token": token_of["b"], "input": "two"})
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert flow.settle(waiting_twice["id"])["status"] == "awaiting_input"

    # One wait is left, so it needs no token.
    last = flow.resume(waiting_twice["id"], "one")

    assert (last["status"], last["output"]) == ("succeeded", ["one", "two"])


def test_a_token_works_once(flow: FlowRunner, waiting_twice: dict[str, Any]) -> None:
    first, _ = tokens(flow, waiting_twice["id"])
    assert flow.api.post("/executions/resume", {"task_token": first, "input": 1}).status_code == 200
    again = flow.api.post("/executions/resume", {"task_token": first, "input": 1})
    assert again.status_code == 400
    assert again.json()["error"]["message"] == "This step no longer waits for input"
    assert Transition.objects.filter(type=TransitionType.RESUME).count() == 1


@pytest.mark.parametrize("token", ["nonsense", "é", "=", "A" * 43, "A" * 5000])
def test_an_unknown_token(api: ApiClient, waiting: dict[str, Any], token: str) -> None:
    for response in (
        api.post("/executions/resume", {**RESUME, "task_token": token}),
        api.put(f"/executions/{waiting['id']}", {**RESUME, "task_token": token}),
    ):
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "Task token not found"
    _unchanged(api, waiting)


def test_a_token_is_good_for_its_own_run_only(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    other = flow.start(waiting["task_id"], {"q": "and you?"})
    (token,) = tokens(flow, waiting["id"])
    response = flow.api.put(f"/executions/{other['id']}", {**RESUME, "task_token": token})
    assert response.status_code == 404
    _unchanged(flow.api, other)
    _unchanged(flow.api, waiting)


def test_a_foreign_token_is_unknown(api: ApiClient, foreign_execution: Execution) -> None:
    branch = foreign_execution.branches.get()
    wait = Transition.objects.create(
        execution=foreign_execution, branch=branch, seq=1, type="wait", current={}, created_at=now(), scope=uuid7()
    )
    Branch.objects.filter(pk=branch.pk).update(status=BranchStatus.AWAITING_INPUT, wait_id=wait.pk)
    response = api.post("/executions/resume", {**RESUME, "task_token": task_token(wait.pk)})
    assert response.status_code == 404
    assert Transition.objects.count() == 1


def test_a_transition_that_is_no_wait_has_no_token(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    init = Transition.objects.get(execution=waiting["id"], type=TransitionType.INIT)
    response = flow.api.post("/executions/resume", {**RESUME, "task_token": task_token(init.pk)})
    assert response.status_code == 400
    _unchanged(flow.api, waiting)


@pytest.mark.parametrize("path", ["/executions", "/executions/resume"])
def test_resume_without_a_token(api: ApiClient, path: str) -> None:
    for body in (RESUME, {}, {"task_token": ""}, {"task_token": None}):
        response = api.post(path, body)
        assert response.status_code == 422
        assert response.json()["error"]["details"][0]["loc"] == "task_token"


def test_a_token_cannot_cancel(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    (token,) = tokens(flow, waiting["id"])
    response = flow.api.post("/executions/resume", {"status": "cancelled", "task_token": token})
    assert response.status_code == 422
    _unchanged(flow.api, waiting)


def test_resume_of_a_run_that_does_not_wait(flow: FlowRunner, double: str) -> None:
    queued = flow.api.post(f"/tasks/{double}/executions", {"input": {"n": 1}}).json()
    response = flow.api.put(f"/executions/{queued['id']}", RESUME)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "http_400")
    assert response.json()["error"]["status"] == "queued"
    assert Transition.objects.count() == 0


def test_resume_of_a_finished_run(flow: FlowRunner, double: str) -> None:
    ended = flow.start(double, {"n": 1})
    response = flow.api.put(f"/executions/{ended['id']}", RESUME)
    assert response.status_code == 400
    assert response.json()["error"]["status"] == "succeeded"
    _unchanged(flow.api, ended)


# -- cancel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"status": "cancelled", "reason": "enough"}, "enough"),
        ({"status": "cancelled"}, "Workflow Cancelled"),
        ({"status": "cancelled", "reason": None, "input": {}}, "Workflow Cancelled"),
        ({"reason": "enough"}, "enough"),
    ],
)
def test_cancel(flow: FlowRunner, waiting: dict[str, Any], body: dict[str, Any], reason: str) -> None:
    response = flow.api.put(f"/executions/{waiting['id']}", body)

    assert response.status_code == 200
    cancelled = response.json()
    assert (cancelled["status"], cancelled["output"], cancelled["error"]) == ("cancelled", None, None)
    last = flow.log(waiting["id"])[-1]
    assert (last["type"], last["output"], last["next"]) == ("cancelled", reason, None)
    assert cancelled["transition_count"] == waiting["transition_count"] + 1
    assert set(Branch.objects.values_list("status", flat=True)) == {BranchStatus.CANCELLED}
    (token,) = tokens(flow, waiting["id"])
    assert flow.api.post("/executions/resume", {**RESUME, "task_token": token}).status_code == 400


def test_cancel_by_the_address_of_older_clients(api: ApiClient, waiting: dict[str, Any]) -> None:
    path = f"/tasks/{waiting['task_id']}/executions/{waiting['id']}"
    assert api.patch(path, {"status": "cancelled"}).json()["status"] == "cancelled"


def test_cancel_before_the_first_step(flow: FlowRunner, double: str) -> None:
    queued = flow.api.post(f"/tasks/{double}/executions", {"input": {"n": 1}}).json()
    assert flow.api.put(f"/executions/{queued['id']}", {"status": "cancelled"}).json()["transition_count"] == 1

    assert flow.settle(queued["id"])["status"] == "cancelled"

    (only,) = flow.log(queued["id"])
    assert (only["type"], only["current"]["workflow"], only["current"]["step"]) == ("cancelled", "main", 0)


def test_cancel_ends_every_branch(flow: FlowRunner, waiting_twice: dict[str, Any]) -> None:
    assert flow.api.put(f"/executions/{waiting_twice['id']}", {"status": "cancelled"}).status_code == 200
    assert set(Branch.objects.values_list("status", flat=True)) == {BranchStatus.CANCELLED}


def test_cancel_of_a_finished_run(flow: FlowRunner, double: str) -> None:
    ended = flow.start(double, {"n": 1})
    response = flow.api.put(f"/executions/{ended['id']}", {"status": "cancelled"})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "The execution has ended: it is succeeded"
    _unchanged(flow.api, ended)


def test_cancel_twice(api: ApiClient, waiting: dict[str, Any]) -> None:
    path = f"/executions/{waiting['id']}"
    assert api.put(path, {"status": "cancelled"}).status_code == 200
    assert api.put(path, {"status": "cancelled"}).status_code == 400
    assert Transition.objects.filter(type=TransitionType.CANCELLED).count() == 1


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["queued", "starting", "awaiting_input", "succeeded", "failed", "RUNNING", "", 5, []]
)
def test_other_status_values(api: ApiClient, waiting: dict[str, Any], status: Any) -> None:
    for method, path in (
        ("PUT", "/executions/{id}"),
        ("PATCH", "/tasks/{task_id}/executions/{id}"),
        ("POST", "/executions/resume?task_token=x"),
    ):
        response = api.send(method, path.format(**waiting), {"status": status, "input": {}})
        assert response.status_code == 422, response.content
        assert response.json()["error"]["details"][0]["loc"] == "status"
    _unchanged(api, waiting)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"raw": b"{"}, 422),
        ({"body": []}, 422),
        ({"body": {"status": "cancelled", "reason": 5}}, 422),
        ({"body": {**RESUME, "task_token": 5}}, 422),
    ],
)
def test_bad_bodies(api: ApiClient, waiting: dict[str, Any], options: dict[str, Any], status: int) -> None:
    response = api.put(f"/executions/{waiting['id']}", **options)
    assert response.status_code == status
    assert response.json()["error"]["code"] == "validation_error"
    _unchanged(api, waiting)


def test_a_body_over_the_limit(api: ApiClient, waiting: dict[str, Any], settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000
    response = api.put(f"/executions/{waiting['id']}", {"status": "running", "input": "x" * 1000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "http_413")
    _unchanged(api, waiting)


@pytest.mark.parametrize("body", [RESUME, {"status": "cancelled"}])
def test_unknown_and_foreign_runs(  # D34
    api: ApiClient, double: str, waiting: dict[str, Any], foreign_execution: Execution, body: dict[str, Any]
) -> None:
    for path in (
        f"/executions/{MISSING}",
        f"/executions/{foreign_execution.pk}",
    ):
        assert api.put(path, body).status_code == 404
    for path in (
        f"/tasks/{MISSING}/executions/{waiting['id']}",
        f"/tasks/{double}/executions/{waiting['id']}",
        f"/tasks/{waiting['task_id']}/executions/{MISSING}",
        f"/tasks/{foreign_execution.task_id}/executions/{foreign_execution.pk}",
    ):
        assert api.patch(path, body).status_code == 404
    _unchanged(api, waiting)
    foreign_execution.refresh_from_db()
    assert foreign_execution.status == "queued"
