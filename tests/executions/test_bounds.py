"""How deep, how wide and how large a run may get."""

from typing import Any

import pytest

from executions.engine import slice as slices
from executions.models import Branch, Execution
from tasks.steps.kinds import map_reduce
from tests.flow_runner import FlowRunner

KIB = 1024
TEXT = {"evaluate": {"text": "$ 'x' * 900"}}


def run(flow: FlowRunner, main: list[Any], input_: Any = None, **workflows: Any) -> dict[str, Any]:
    created = flow.create({"main": main, **workflows})
    assert created.status_code == 201, created.json()
    return flow.start(created.json()["id"], input_ or {})


@pytest.mark.parametrize(
    "call",
    [
        {"parallel": [{"workflow": "main"}]},
        {"over": "$ [1]", "map": {"workflow": "main"}, "parallelism": 2},
        {"try": [{"parallel": [{"workflow": "main"}]}], "finally": {"log": "left"}},
    ],
    ids=["parallel", "map", "try"],
)
def test_recursion_through_branches_is_as_deep_as_any(
    flow: FlowRunner, monkeypatch: pytest.MonkeyPatch, call: dict[str, Any]
) -> None:
    monkeypatch.setattr(slices, "MAX_CALL_DEPTH", 10)

    ended = run(flow, [call])

    assert (ended["status"], ended["error"]) == ("failed", "workflows call each other more than 10 deep")
    assert Branch.objects.count() == 11


def test_a_call_in_tail_position_below_a_branch_does_not_deepen(
    flow: FlowRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "MAX_CALL_DEPTH", 3)
    count = [
        {"if": "$ _.n < 9", "then": [{"evaluate": {"n": "$ _.n + 1"}}, {"workflow": "count"}], "else": {"get": "k"}}
    ]

    ended = run(
        flow, [{"set": {"k": 7}}, {"evaluate": {"n": "$ 0"}}, {"parallel": [{"workflow": "count"}]}], count=count
    )

    assert (ended["status"], ended["output"]) == ("succeeded", [7])


def test_a_run_that_doubles_its_branches_ends(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_BRANCHES", 20)

    ended = run(flow, [{"parallel": [{"workflow": "main"}, {"workflow": "main"}]}])

    assert (ended["status"], ended["error"]) == ("failed", "the run would have more than 20 branches at once")
    assert Branch.objects.count() < 60


def test_branches_that_have_ended_do_not_count(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_BRANCHES", 5)

    ended = run(flow, [{"over": "$ [1, 2, 3, 4]", "map": {"evaluate": "$ _"}}] * 4)

    assert ended["status"] == "succeeded"
    assert Branch.objects.count() == 17


def test_a_map_has_a_largest_number_of_items(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_reduce, "MAX_MAP_ITEMS", 3)
    main = [{"over": "$ _.items", "map": {"evaluate": "$ _"}, "reduce": "$ len(results)"}]

    assert run(flow, main, {"items": [1, 2, 3]})["output"] == 3
    refused = run(flow, main, {"items": [1, 2, 3, 4]})
    assert (refused["status"], refused["error"]) == ("failed", "a map has at most 3 items, not 4")


def test_each_arm_may_have_an_input_of_its_own_size(flow: FlowRunner, settings: Any) -> None:
    settings.MAX_STEP_OUTPUT_BYTES = 4 * KIB
    arms = [{"evaluate": "$ 1"}] * 10

    ended = run(flow, [TEXT, {"parallel": arms}])

    assert (ended["status"], ended["output"]) == ("succeeded", [1] * 10)
    assert run(flow, [TEXT, {"parallel": arms * 2}])["error"].startswith("the inputs of the branches are larger than")


def test_what_branches_see_of_labels_counts_as_their_input(flow: FlowRunner, settings: Any) -> None:
    settings.MAX_STEP_OUTPUT_BYTES = 4 * KIB
    labelled = [{"evaluate": "$ 1", "label": f"a label of step {number}"} for number in range(50)]
    each = {"over": "$ list(range(20))", "map": {"evaluate": "$ _"}}

    assert run(flow, [{"if": "$ True", "then": [*labelled, {"evaluate": "$ 1"}]}, each])["error"].startswith(
        "the inputs of the branches are larger than"
    )
    assert run(flow, [*labelled, each])["status"] == "succeeded"


@pytest.mark.parametrize("cutoff", [1024, 0.5], ids=["in the rows", "in the file storage"])
@pytest.mark.parametrize(
    "main",
    [
        [{"over": "$ list(range(20))", "map": TEXT, "reduce": "$ len(results)"}],
        [{"foreach": {"in": "$ list(range(20))", "do": TEXT}}],
    ],
    ids=["map", "foreach"],
)
def test_outputs_are_measured_before_they_are_gathered(
    flow: FlowRunner, settings: Any, tmp_path: Any, main: list[Any], cutoff: float
) -> None:
    settings.MAX_STEP_OUTPUT_BYTES = 4 * KIB
    settings.MEDIA_ROOT, settings.BLOB_STORE_CUTOFF_KB = str(tmp_path), cutoff

    ended = run(flow, main)

    assert ended["status"] == "failed"
    assert "are larger than 16384 bytes together (4 times the setting MAX_STEP_OUTPUT_BYTES)" in ended["error"]
    assert flow.log(ended["id"])[-1]["metadata"]["error_type"] == "OutputTooLarge"


def test_a_slice_ends_when_it_has_much_to_write(flow: FlowRunner, settings: Any) -> None:
    settings.MAX_STEP_OUTPUT_BYTES = 4 * KIB

    ended = run(flow, [TEXT] * 20)

    assert ended["status"] == "succeeded"
    branch = Branch.objects.get(execution=Execution.objects.get())
    assert branch.version == 4
