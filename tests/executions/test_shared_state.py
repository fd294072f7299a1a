"""Numbers and lists of the store that several branches add to: each change counts once, and none is lost."""

import secrets
from typing import Any

import pytest

from executions.engine.draft import Verdict
from executions.engine.rows import store
from executions.engine.rows.claims import Claim
from executions.engine.rows.shared_state import state_to_commit
from executions.models import Branch, Execution
from executions.states import BranchStatus
from tasks.steps.outcomes import Append, Change, Increment
from tests.executions.test_store import claimed, forked, in_threads, taken
from tests.flow_runner import FlowRunner

ARMS = 16


def commit(claim: Claim, verdict: Verdict, *changes: Change, state: dict[str, Any] | None = None) -> bool:
    """Whether a slice was written with these changes. `state` is what it saw of the store, out of date by now."""
    by_key = {change.key: [change] for change in changes}
    with state_to_commit(claim.execution_id, state or {}, by_key, claim.run.contents) as stored:
        return store.commit_slice(claim, verdict, transitions=[], stack=claim.stack, state=stored, items={}) is not None


def test_branches_that_add_at_the_same_time_lose_nothing(committed_branch: Branch) -> None:
    forked(committed_branch, ARMS)
    Execution.objects.update(state={"n": 100, "other": "kept"})
    arms = [taken(committed_branch, f"worker {index}") for index in range(ARMS)]

    in_threads(
        ARMS,
        lambda index: commit(
            arms[index],
            Verdict(BranchStatus.DONE, output=index),
            Increment("n", 1),
            Append("l", index),
            state={"n": 101, "l": [index], f"k{index}": index},
        ),
    )

    state = Execution.objects.get().state
    assert (state["n"], sorted(state["l"]), state["other"]) == (100 + ARMS, list(range(ARMS)), "kept")
    assert all(state[f"k{index}"] == index for index in range(ARMS))


def test_a_message_delivered_again_adds_nothing(branch: Branch) -> None:
    first = claimed(branch)
    second = claimed(branch)
    ready, added = Verdict(BranchStatus.READY), Increment("n", 1)

    assert not commit(first, ready, added)
    assert Execution.objects.get().state == {}
    assert commit(second, ready, added)
    assert not commit(second, ready, added)
    assert Execution.objects.get().state == {"n": 1}


def test_a_value_that_another_branch_replaced_meanwhile_stays(branch: Branch) -> None:
    Execution.objects.update(state={"n": "text", "l": [1]})

    commit(claimed(branch), Verdict(BranchStatus.READY), Increment("n", 1), Append("l", None))

    assert Execution.objects.get().state == {"n": "text", "l": [1, None]}


@pytest.mark.parametrize("apart_kb", [0, 16])
def test_a_long_list_grows_where_large_values_are_kept_apart(
    flow: FlowRunner, settings: Any, tmp_path: Any, apart_kb: int
) -> None:
    settings.MEDIA_ROOT, settings.VALUES_APART_KB, settings.SLICE_STEPS = str(tmp_path), apart_kb, 1
    texts = [secrets.token_hex(20_000) for _ in range(3)]
    steps = [{"append": {"l": text}, "increment": {"n": len(text)}} for text in texts]
    task = flow.create({"main": [*steps, {"evaluate": {"l": "$ state.l", "n": "$ state.n"}}]})

    execution = flow.start(task.json()["id"], {})

    assert execution["output"] == {"l": texts, "n": 120_000}


def test_a_list_that_becomes_too_large_fails_the_step(flow: FlowRunner, settings: Any) -> None:
    settings.MAX_STEP_OUTPUT_BYTES = 10_000
    steps = [{"append": {"l": "x" * 4_000}}] * 3
    task = flow.create({"main": [{"try": steps, "catch": {"evaluate": "$ [error.type, len(state.l)]"}}]})

    assert flow.start(task.json()["id"], {})["output"] == ["OutputTooLarge", 2]
