"""The log of a run over HTTP, and that nothing can change it."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from itertools import count
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from executions.models import Execution, Transition
from julep_project.core import clock
from tests.executions_api.conftest import MISSING
from tests.flow_runner import FlowRunner


@pytest.fixture
def ended(flow: FlowRunner, double: str) -> dict[str, Any]:
    """A run that has finished."""
    return flow.start(double, {"n": 4})


def _items(flow: FlowRunner, execution: dict[str, Any], query: Any = None) -> list[dict[str, Any]]:
    response = flow.api.get(f"/executions/{execution['id']}/transitions", query)
    assert response.status_code == 200, response.content
    assert response.json().keys() == {"items"}
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def test_newest_first(flow: FlowRunner, ended: dict[str, Any]) -> None:
    assert [row["type"] for row in _items(flow, ended)] == ["finish", "step", "init"]
    assert [row["type"] for row in _items(flow, ended, {"direction": "asc"})] == ["init", "step", "finish"]
    assert [row["type"] for row in _items(flow, ended, {"sort_by": "updated_at"})] == ["finish", "step", "init"]


def test_fields(flow: FlowRunner, ended: dict[str, Any]) -> None:
    init, step, finish = _items(flow, ended, {"direction": "asc"})
    scope = init["current"]["scope_id"]
    assert step == {
        "id": step["id"],
        "execution_id": ended["id"],
        "type": "step",
        "current": {"workflow": "main", "step": 0, "scope_id": scope},
        "next": {"workflow": "main", "step": 1, "scope_id": scope},
        "step_label": "double",
        "output": {"n": 8},
        "metadata": step["metadata"],
        "created_at": step["created_at"],
        "updated_at": step["created_at"],
    }
    assert (finish["next"], finish["output"], finish["step_label"]) == (None, {"n": 9}, None)


class _ClockGoingBack(datetime):
    """A machine's clock that has gone back by a minute whenever somebody looks at it."""

    looks = count(1)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) - timedelta(minutes=next(cls.looks))


def test_time_never_goes_back_along_the_log(
    flow: FlowRunner, make_task: Callable[[dict[str, Any]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    each = {"over": "$ range(4)", "parallelism": 2, "map": {"evaluate": "$ _"}}
    task = make_task({"main": [each, {"wait_for_input": {"info": {"q": "who?"}}}]})
    monkeypatch.setattr(clock, "datetime", _ClockGoingBack)
    rows = _items(flow, flow.resume(flow.start(task, {})["id"], "Ada"), {"direction": "asc", "limit": 100})
    times = [row["created_at"] for row in rows]
    assert [row["type"] for row in rows][-3:] == ["wait", "resume", "finish"]
    assert times == sorted(times)


def test_pages_end(flow: FlowRunner, ended: dict[str, Any]) -> None:
    pages = [_items(flow, ended, {"limit": 2, "offset": offset}) for offset in (0, 2, 3, 10**20)]
    assert [[row["type"] for row in page] for page in pages] == [["finish", "step"], ["init"], [], []]


@pytest.mark.parametrize(
    ("query", "status"),
    [({"limit": 0}, 400), ({"limit": 1001}, 400), ({"offset": -1}, 400), ({"direction": "up"}, 422)],
)
def test_bad_paging(flow: FlowRunner, ended: dict[str, Any], query: dict[str, Any], status: int) -> None:
    assert flow.api.get(f"/executions/{ended['id']}/transitions", query).status_code == status


def test_scope_id_selects_one_call_of_a_workflow(flow: FlowRunner, ended: dict[str, Any]) -> None:
    scope = _items(flow, ended)[0]["current"]["scope_id"]
    assert len(_items(flow, ended, {"scope_id": scope})) == 3
    assert _items(flow, ended, {"scope_id": MISSING}) == []
    assert flow.api.get(f"/executions/{ended['id']}/transitions", {"scope_id": "no"}).status_code == 422


def test_every_row_is_found_by_the_scope_it_shows(flow: FlowRunner, waiting_twice: dict[str, Any]) -> None:
    flow.api.put(f"/executions/{waiting_twice['id']}", {"status": "cancelled"})
    rows = _items(flow, waiting_twice)
    scopes = {row["current"]["scope_id"] for row in rows}
    found = [row["id"] for scope in scopes for row in _items(flow, waiting_twice, {"scope_id": scope})]
    assert sorted(found) == sorted(row["id"] for row in rows)


def test_one(flow: FlowRunner, ended: dict[str, Any]) -> None:
    for row in _items(flow, ended):
        assert flow.api.get(f"/executions/{ended['id']}/transitions/{row['id']}").json() == row


def test_one_that_is_missing(flow: FlowRunner, ended: dict[str, Any], double: str) -> None:
    other = flow.start(double, {"n": 1})
    (row, *_) = _items(flow, other)
    for missing in (MISSING, row["id"]):
        response = flow.api.get(f"/executions/{ended['id']}/transitions/{missing}")
        assert (response.status_code, response.json()["error"]["message"]) == (404, "Transition not found")
    assert flow.api.get(f"/executions/{ended['id']}/transitions/no-uuid").status_code == 422


def test_logs_of_unknown_and_foreign_runs(flow: FlowRunner, foreign_execution: Execution) -> None:  # D34
    for missing in (MISSING, foreign_execution.pk):
        for path in ("transitions", f"transitions/{MISSING}"):
            response = flow.api.get(f"/executions/{missing}/{path}")
            assert response.status_code == 404
            assert response.json()["error"]["message"] == f"Execution {missing} not found"


def test_numbers_have_no_gap(flow: FlowRunner, waiting_twice: dict[str, Any]) -> None:
    flow.api.put(f"/executions/{waiting_twice['id']}", {"status": "cancelled"})
    numbers = list(Transition.objects.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert Execution.objects.get().transition_count == len(numbers)


def test_number_of_queries_does_not_grow_with_the_log(flow: FlowRunner) -> None:
    counts = []
    for size in (2, 9):
        task = flow.create({"name": f"t{size}", "main": [{"log": f"{n}"} for n in range(size)]}).json()
        execution = flow.start(task["id"], {})
        with CaptureQueriesContext(connection) as queries:
            assert len(_items(flow, execution)) == size + 1
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3


def test_the_database_refuses_to_change_a_row(ended: dict[str, Any]) -> None:
    rows = Transition.objects.filter(execution=ended["id"])
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(output={"n": 0})
    row = rows.get(type="finish")
    row.output = {"n": 0}
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        row.save()
    assert rows.get(type="finish").output == {"n": 9}


def test_a_wait_shows_its_token_and_nothing_is_stored_of_it(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    (wait,) = [row for row in _items(flow, waiting) if row["type"] == "wait"]
    assert wait["output"] == {"q": "who?"}
    assert wait["metadata"]["task_token"]
    assert "task_token" not in Transition.objects.get(type="wait").metadata
