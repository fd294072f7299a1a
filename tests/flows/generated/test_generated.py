"""The engine and the reference interpreter agree, however the run is cut into slices."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.flow_runner import FlowRunner
from tests.flows.generated.strategy import INPUTS, tasks
from tests.flows.oracle import Ending, predict

_EXAMPLES = 45
_RETRIES = 15
_FORKS = 12
Capture = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def capture(django_capture_on_commit_callbacks: Capture) -> Capture:
    return django_capture_on_commit_callbacks


@examples(_EXAMPLES)
@given(task=tasks(), arguments=INPUTS)
def test_generated(task: dict[str, Any], arguments: dict[str, Any], flow: FlowRunner) -> None:
    expected = predict(task, arguments)
    answer = flow.create(task)
    assert answer.status_code == 201, answer.json()
    assert _ending(flow.start(answer.json()["id"], arguments), expected) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.SLICE_STEPS", 1)
        assert _ending(flow.start(answer.json()["id"], arguments), expected) == expected


@examples(_RETRIES)
@given(task=tasks(), arguments=INPUTS, place=st.floats(0, 1))
def test_a_retry_ends_as_the_run_did(
    task: dict[str, Any], arguments: dict[str, Any], place: float, flow: FlowRunner, capture: Capture
) -> None:
    """From any row: what is taken along and what is done again make the same run."""
    run = flow.start(flow.create(task).json()["id"], arguments)
    log = flow.log(run["id"])
    chosen = log[int(place * (len(log) - 1))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.SLICE_STEPS", 1)
        # A slice that finds its place again goes one place further.
        patch.setattr("django.conf.settings.SLICE_MS", 0)
        with capture(execute=True):
            answer = flow.api.post(f"/executions/{run['id']}/retry", {"from": chosen["id"]})
        assert answer.status_code == 201, answer.json()
        again = flow.settle(answer.json()["id"])
    told = [(each["status"], each["output"]) for each in (run, again)]
    assert told[0] == told[1], (again["error"], chosen)


@examples(_FORKS)
@given(task=tasks(), arguments=INPUTS, place=st.floats(0, 1))
def test_a_step_that_is_answered_for_ends_as_it_did(
    task: dict[str, Any], arguments: dict[str, Any], place: float, flow: FlowRunner, capture: Capture
) -> None:
    """Given the output that it had, a step need not be done again."""
    run = flow.start(flow.create(task).json()["id"], arguments)
    ended = [
        row for row in flow.log(run["id"]) if "step_type" in row["metadata"] and "error_type" not in row["metadata"]
    ]
    if not ended:
        return
    chosen = ended[int(place * (len(ended) - 1))]
    with capture(execute=True):
        asked = {"from": chosen["id"], "variants": [{"output": chosen["output"]}]}
        answer = flow.api.post(f"/executions/{run['id']}/fork", asked)
    assert answer.status_code == 201, answer.json()
    again = flow.settle(answer.json()["runs"][0]["id"])
    told = [(each["status"], each["output"]) for each in (run, again)]
    assert told[0] == told[1], (again["error"], chosen)
    assert [row["metadata"]["given_by"]["kind"] for row in flow.log(again["id"]) if "given_by" in row["metadata"]]


def _ending(execution: dict[str, Any], expected: Ending) -> Ending:
    """How the run ended; its error text only where the reference knows it."""
    error = execution["error"] if expected.error is not None else None
    return Ending(execution["status"], execution["output"], error)
