"""The engine and the reference interpreter agree, however the run is cut into slices."""

from typing import Any

import pytest
from hypothesis import given

from tests.examples import examples
from tests.flow_runner import FlowRunner
from tests.flows.generated.strategy import INPUTS, tasks
from tests.flows.oracle import Ending, predict

_EXAMPLES = 45


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


def _ending(execution: dict[str, Any], expected: Ending) -> Ending:
    """How the run ended; its error text only where the reference knows it."""
    error = execution["error"] if expected.error is not None else None
    return Ending(execution["status"], execution["output"], error)
