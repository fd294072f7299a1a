"""`parallelism`: how many items of a map are in work at once, when items have branches of their own."""

import re
from typing import Any

import pytest

from executions.models import Branch, Execution
from tests.flow_runner import FlowRunner

WORK = {"evaluate": "$ _"}
WAIT = {"wait_for_input": {"info": "$ _"}}
BRANCHES = {"parallel": [WORK, WORK]}


def each(body: Any, *, at_once: int = 1, items: int = 3) -> dict[str, Any]:
    return {"over": f"$ list(range({items}))", "map": body, "parallelism": at_once}


def started(flow: FlowRunner, step: dict[str, Any]) -> dict[str, Any]:
    created = flow.create({"main": [step]})
    assert created.status_code == 201, created.json()
    return flow.start(created.json()["id"], {})


@pytest.mark.parametrize("body", [BRANCHES, each(WORK, at_once=2), [WORK, each(BRANCHES)]])
def test_an_item_keeps_its_place_while_its_branches_work(flow: FlowRunner, body: Any) -> None:
    ended = started(flow, each(body))

    assert ended["status"] == "succeeded"
    names = [row["current"]["workflow"] for row in flow.log(ended["id"])]
    items = [found[1] for found in (re.search(r"main`\[0\].mapreduce\[(\d)\]", name) for name in names) if found]
    assert set(items) == {"0", "1", "2"}
    assert items == sorted(items)


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        (WAIT, 3),
        ({"parallel": [WAIT, WORK]}, 3),
        ({"parallel": [WAIT, WAIT]}, 6),
        ([BRANCHES, WAIT], 3),
        (each({"parallel": [WORK, WAIT]}, items=2), 6),
    ],
    ids=["itself", "beside work", "twice", "after its branches", "two levels below"],
)
def test_an_item_that_only_waits_gives_its_place_to_the_next(flow: FlowRunner, body: Any, waits: int) -> None:
    execution = started(flow, each(body))

    assert execution["status"] == "awaiting_input"
    open_waits = [row for row in flow.log(execution["id"]) if row["type"] == "wait"]
    assert len(open_waits) == waits
    assert Execution.objects.get().runnable == 0
    for wait in open_waits:
        token = wait["metadata"]["task_token"]
        flow.api.post("/executions/resume", {"task_token": token, "input": 7})
        flow.dispatcher.advance(Branch.objects.get(status="ready").pk)
        execution = flow.settle(execution["id"])
    assert execution["status"] == "succeeded"
