"""The same done to many runs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agents.audit.models import AuditRecord
from agents.models import Developer
from executions.bulk import working
from executions.bulk.models import BulkAction, BulkItem
from executions.bulk.working import work_on
from executions.models import Execution
from julep_project.core.clock import now
from tests.api_client import ApiClient
from tests.executions_api.conftest import MISSING
from tests.flow_runner import FlowRunner

Json = dict[str, Any]
Make = Callable[[Json], str]


@pytest.fixture
def failing(make_task: Make) -> str:
    return make_task({"main": [{"evaluate": "$ _.n"}, {"evaluate": "$ 1 / _"}]})


def start(api: ApiClient, task: str, count: int, **fields: Any) -> list[str]:
    answers = [api.post(f"/tasks/{task}/executions", {"input": {"n": 0}, **fields}) for _ in range(count)]
    return [answer.json()["id"] for answer in answers]


def begin(api: ApiClient, **body: Any) -> Json:
    answer = api.post("/bulk", body)
    assert answer.status_code == 202, answer.json()
    begun: Json = answer.json()
    return begun


def work(api: ApiClient, bulk: Json) -> Json:
    """How it stands when there is nothing left to do."""
    for _ in range(20):
        if BulkAction.objects.get(pk=bulk["id"]).is_open:
            work_on(bulk["id"])
    told: Json = api.get(f"/bulk/{bulk['id']}").json()
    return told


def counts(told: Json) -> tuple[int, ...]:
    return tuple(told[name] for name in ("matched", "done", "skipped", "failed"))


def statuses(api: ApiClient, runs: list[str]) -> list[str]:
    return [api.get(f"/executions/{run}").json()["status"] for run in runs]


def test_cancelled_by_filter_those_of_now_only(api: ApiClient, double: str, failing: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(working, "_AT_ONCE", 2)
    wanted, others = start(api, double, 5), start(api, failing, 2)
    Execution.objects.filter(pk__in=wanted).update(created_at=now() - timedelta(seconds=5))
    asked = {"action": "cancel", "filter": {"task_id": double, "status": ["queued"]}, "reason": "a mistake"}
    preview = api.send("POST", "/bulk", asked, query_params={"preview": "true"}).json()
    assert (preview["matched"], preview["is_more"]) == (5, False)
    assert {sample["id"] for sample in preview["samples"]} == set(wanted)
    assert statuses(api, wanted) == ["queued"] * 5

    begun = begin(api, **asked)
    late = start(api, double, 1)
    Execution.objects.filter(pk__in=late).update(created_at=now() + timedelta(seconds=5))
    told = work(api, begun)

    assert (told["state"], told["progress"], counts(told)) == ("succeeded", 100.0, (5, 5, 0, 0))
    assert statuses(api, wanted) == ["cancelled"] * 5
    assert statuses(api, [*others, *late]) == ["queued"] * 3
    assert BulkItem.objects.filter(bulk=begun["id"], outcome="done").count() == 5
    recorded = AuditRecord.objects.get(object_kind="bulk")
    assert recorded.after == {**{k: asked[k] for k in ("action", "filter", "reason")}, "matched": 5}
    assert set(AuditRecord.objects.filter(verb="cancel").values_list("actor_kind", flat=True)) == {"internal"}
    assert api.get("/bulk").json()["items"][0]["id"] == begun["id"]
    assert api.get(f"/jobs/{begun['id']}").json()["state"] == "succeeded"


def test_retried(flow: FlowRunner, failing: str, django_capture_on_commit_callbacks: Any) -> None:
    api = flow.api
    runs = [flow.start(failing, {"n": 0})["id"] for _ in range(3)]
    flow.start(failing, {"n": 1})
    Execution.objects.update(created_at=now() - timedelta(seconds=5))
    begun = begin(api, action="retry", filter={"status": ["failed"]})
    with django_capture_on_commit_callbacks(execute=True):
        told = work(api, begun)
    assert counts(told) == (3, 3, 0, 0)
    again = Execution.objects.exclude(retried_from=None)
    assert {str(run.retried_from) for run in again} == set(runs)
    assert {item.result for item in BulkItem.objects.all()} == {run.pk for run in again}
    # Work that comes twice does nothing more.
    work_on(begun["id"])
    assert Execution.objects.exclude(retried_from=None).count() == 3


def test_each_run_that_nobody_has_tried_again(flow: FlowRunner, failing: str, monkeypatch: Any) -> None:
    """Those of a filter; not such as are tried again while others have their turn."""
    api = flow.api
    first, second, third = (flow.start(failing, {"n": 0})["id"] for _ in range(3))
    assert api.post(f"/executions/{first}/retry", {}).status_code == 201
    assert api.post(f"/executions/{second}/fork", {"from": "start", "variants": [{}, {}]}).status_code == 201

    def found(is_retried: str) -> set[str]:
        items = api.get("/executions", {"is_retried": is_retried, "status": "failed"}).json()["items"]
        return {item["id"] for item in items}

    assert (found("true"), found("false")) == ({first, second}, {third})
    fourth = flow.start(failing, {"n": 0})["id"]
    Execution.objects.update(created_at=now() - timedelta(seconds=5))
    asked = {"action": "retry", "filter": {"status": ["failed"], "is_retried": False}}
    begun = begin(api, **asked)
    assert (begun["filter"], begun["matched"]) == (asked["filter"], 2)
    following = working._next

    def overtaken(bulk: BulkAction) -> list[Execution]:
        runs = following(bulk)
        if runs:
            assert api.post(f"/executions/{third}/retry", {}).status_code == 201
        return runs

    monkeypatch.setattr(working, "_next", overtaken)
    assert counts(work(api, begun)) == (2, 1, 1, 0)
    assert Execution.objects.filter(retried_from__in=[third, fourth]).count() == 2


def test_what_cannot_be_done_is_told(
    flow: FlowRunner, failing: str, waiting: Json, django_capture_on_commit_callbacks: Any
) -> None:
    api, ended = flow.api, flow.start(failing, {"n": 1})["id"]
    Execution.objects.update(created_at=now() - timedelta(seconds=5))
    told = work(api, begin(api, action="retry", filter={"until": "2100-01-01T00:00:00Z"}))
    assert counts(told) == (2, 0, 1, 1)
    assert [failure["execution_id"] for failure in told["failures"]] == [ended]
    assert "has not failed" in told["failures"][0]["error"]

    with django_capture_on_commit_callbacks(execute=True):
        resumed = work(api, begin(api, action="resume", filter={"status": ["awaiting_input"]}, input={"a": 1}))
    assert counts(resumed) == (1, 1, 0, 0)
    assert flow.settle(waiting["id"])["output"] == {"answer": {"a": 1}}

    deleted = work(api, begin(api, action="delete", filter={"status": ["succeeded"]}))
    assert counts(deleted) == (2, 2, 0, 0)
    assert not Execution.objects.exists()


def test_aborted_half_way(api: ApiClient, double: str, monkeypatch: Any) -> None:
    runs = start(api, double, 30)
    Execution.objects.update(created_at=now() - timedelta(seconds=5))
    begun = begin(api, action="cancel", filter={"task_id": double})
    act_on, count = working._act_on, 0

    def aborting(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == 13:
            assert api.post(f"/bulk/{begun['id']}/abort").status_code == 200
        act_on(*arguments)

    monkeypatch.setattr(working, "_act_on", aborting)
    told = work(api, begun)

    assert (told["state"], counts(told)) == ("aborted", (30, 12, 0, 0))
    assert statuses(api, runs).count("cancelled") == 12
    again = api.post(f"/bulk/{begun['id']}/abort")
    assert (again.status_code, again.json()["error"]["message"]) == (409, "The action has ended: it is aborted")


def test_a_worker_that_ends_on_the_way(api: ApiClient, double: str, monkeypatch: Any) -> None:
    """What it had done is done once, and counted once; the rest is done by the next one."""
    runs = start(api, double, 8)
    Execution.objects.update(created_at=now() - timedelta(seconds=5))
    begun = begin(api, action="cancel", filter={"task_id": double, "status": ["queued"]})
    cancel, count = working._ACTS["cancel"], 0

    def dying(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return cancel(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(working, "_ACTS", {"cancel": dying})
        with pytest.raises(KeyboardInterrupt):
            work_on(begun["id"])
    BulkAction.objects.update(lease_until=now() - timedelta(seconds=1))
    told = work(api, begun)

    assert (told["state"], counts(told)) == ("succeeded", (8, 8, 0, 0))
    assert statuses(api, runs) == ["cancelled"] * 8


def test_many_have_to_be_confirmed(api: ApiClient, double: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("executions.bulk.actions.FREELY", 2)
    start(api, double, 3)
    asked: Json = {"action": "cancel", "filter": {"task_id": double}}
    for confirm in ({}, {"confirm": 2}):
        answer = api.post("/bulk", {**asked, **confirm})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "confirmation_needed")
        assert answer.json()["error"]["matched"] == 3
    assert begin(api, **asked, confirm=3)["matched"] == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"action": "cancel", "filter": {}}, 400, "empty_filter"),
        ({"action": "cancel", "filter": {"status": []}}, 400, "empty_filter"),
        ({"action": "cancel"}, 422, "validation_error"),
        ({"action": "explode", "filter": {"status": ["failed"]}}, 422, "validation_error"),
        ({"action": "cancel", "filter": {"status": ["lost"]}}, 422, "validation_error"),
        ({"action": "cancel", "filter": {"task_id": "x"}}, 422, "validation_error"),
        ({"action": "resume", "filter": {"status": ["awaiting_input"]}}, 422, "validation_error"),
        ({"action": "retry", "from": MISSING, "filter": {"status": ["failed"]}}, 422, "validation_error"),
        ({"action": "cancel", "filter": {"metadata_filter": {"a": "x" * 20_000}}}, 400, "http_400"),
    ],
)
def test_what_is_refused(api: ApiClient, body: Json, status: int, code: str) -> None:
    answer = api.post("/bulk", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not BulkAction.objects.exists()


def test_runs_of_others_are_met_by_no_filter(api: ApiClient, foreign_execution: Execution) -> None:
    told = work(api, begin(api, action="delete", filter={"until": "2100-01-01T00:00:00Z"}))
    assert counts(told) == (0, 0, 0, 0)
    assert Execution.objects.filter(pk=foreign_execution.pk).exists()
    foreign = BulkAction.objects.create(
        developer=Developer.objects.get(email="stranger@example.com"), action="cancel", filter={}, matched=0, name="n"
    )
    for method, path in (("GET", f"/bulk/{foreign.pk}"), ("POST", f"/bulk/{foreign.pk}/abort")):
        assert api.send(method, path).status_code == 404
