"""Claim and commit: each is all or nothing, and only the holder of the newest version writes."""

import math
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from executions.effects.effect_lease import give_back, renew_leases
from executions.engine.draft import ChildDraft, TransitionDraft, Verdict
from executions.engine.frame import Frame
from executions.engine.rows import claims, store
from executions.engine.rows.claims import Claim
from executions.models import Branch, Execution, LoopItem, Transition
from executions.states import BranchStatus, ExecutionStatus, TransitionType
from julep_project.core.ids import uuid7


def draft(branch: Branch, kind: TransitionType = TransitionType.STEP, **fields: Any) -> TransitionDraft:
    frame = Frame(**branch.stack[0]) if branch.stack else Frame(path=["main"], scope=str(uuid7()), display="m", input=1)
    return TransitionDraft(
        type=kind, current=frame.target(), next=None, output=1, output_text="1", scope=frame.scope, **fields
    )


def commit(claim: Claim, verdict: Verdict, *transitions: TransitionDraft, **fields: Any) -> store.Committed | None:
    values = {"stack": claim.stack, "state": {}, "items": {}} | fields
    return store.commit_slice(claim, verdict, transitions=list(transitions), **values)


def claimed(branch: Branch, owner: str = "worker") -> Claim:
    claim = claims.claim_branch(branch.pk, owner)
    assert claim is not None
    return claim


def taken(parent: Branch, owner: str = "worker") -> Claim:
    claim = claims.take_child(parent.pk, owner)
    assert claim is not None
    return claim


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in that many threads that start together; their results in order."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def call(index: int) -> None:
        try:
            barrier.wait(10)
            results[index] = work(index)
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_a_ready_branch_is_claimed_once(branch: Branch) -> None:
    claim = claimed(branch)

    assert (claim.version, claim.attempt) == (1, 1)
    assert claim.stack == branch.stack
    assert claims.claim_branch(branch.pk, "another") is None


def test_the_same_message_delivered_again_takes_over_its_lease_and_the_first_delivery_cannot_commit(
    branch: Branch,
) -> None:
    first = claimed(branch)
    second = claimed(branch)

    assert commit(first, Verdict(BranchStatus.READY), draft(branch)) is None
    assert Transition.objects.count() == 0
    assert commit(second, Verdict(BranchStatus.READY), draft(branch)) is not None


def test_an_expired_lease_can_be_claimed_and_a_live_one_cannot(branch: Branch) -> None:
    stale = claimed(branch)
    Branch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    fresh = claimed(branch, "another")

    assert fresh.version == stale.version + 1
    assert commit(stale, Verdict(BranchStatus.READY), draft(branch)) is None


def test_a_sleeper_is_claimed_when_its_time_has_come_by_the_database_clock(branch: Branch) -> None:
    commit(claimed(branch), Verdict(BranchStatus.SLEEPING, sleep_s=3600))
    assert claims.claim_branch(branch.pk, "worker") is None

    Branch.objects.update(wake_at=timezone.now() - timedelta(seconds=1))

    assert claims.claim_branch(branch.pk, "worker") is not None


def test_a_commit_numbers_its_rows_without_gaps(branch: Branch) -> None:
    commit(claimed(branch), Verdict(BranchStatus.READY), draft(branch), draft(branch))
    commit(claimed(branch), Verdict(BranchStatus.READY), draft(branch))

    assert list(Transition.objects.values_list("seq", flat=True)) == [1, 2, 3]
    assert Execution.objects.get().transition_count == 3


def test_the_end_of_the_main_branch_ends_the_run_with_its_output(branch: Branch) -> None:
    commit(claimed(branch), Verdict(BranchStatus.DONE, output={"a": 1}), draft(branch, TransitionType.FINISH))

    execution = Execution.objects.get()
    assert (execution.status, execution.output, execution.runnable) == (ExecutionStatus.SUCCEEDED, {"a": 1}, 0)
    assert Branch.objects.get().status == BranchStatus.DONE


def test_nothing_is_written_once_the_run_has_ended(branch: Branch) -> None:
    claim = claimed(branch)
    Execution.objects.update(status=ExecutionStatus.CANCELLED)

    assert commit(claim, Verdict(BranchStatus.READY), draft(branch), state={"k": 1}) is None
    assert Transition.objects.count() == 0
    assert Execution.objects.get().state == {}


def test_the_store_of_set_steps_is_merged_and_loop_items_are_stored(branch: Branch) -> None:
    loop = str(uuid7())
    commit(claimed(branch), Verdict(BranchStatus.READY), state={"a": 1, "b": 1})
    commit(claimed(branch), Verdict(BranchStatus.READY), state={"b": 2}, items={loop: ["x", None]})

    assert Execution.objects.get().state == {"a": 1, "b": 2}
    assert list(LoopItem.objects.order_by("index").values_list("value", flat=True)) == ["x", None]


def test_a_wait_shows_when_nothing_else_can_run(branch: Branch) -> None:
    waiting = draft(branch, TransitionType.WAIT)
    commit(claimed(branch), Verdict(BranchStatus.AWAITING_INPUT, wait_id=waiting.id), waiting)

    execution = Execution.objects.get()
    assert (execution.status, execution.runnable, execution.open_waits) == (ExecutionStatus.AWAITING_INPUT, 0, 1)
    assert Branch.objects.get().wait_id == waiting.id


def forked(branch: Branch, count: int, parallelism: int | None = None) -> list[Branch]:
    children = [ChildDraft(index=index, stack=branch.stack) for index in range(count)]
    verdict = Verdict(BranchStatus.JOINING, children=children, parallelism=parallelism or count, fork=str(uuid7()))
    commit(claimed(branch), verdict)
    return list(Branch.objects.filter(parent=branch).order_by("index"))


CALL = store.Keep("worker", math.inf, effect=True)


def lane_keep(owner: str) -> store.Keep:
    return store.Keep(owner, math.inf, next_child=True)


def test_the_last_child_to_end_makes_its_parent_ready(branch: Branch) -> None:
    children = forked(branch, 2)
    assert Execution.objects.get().runnable == 2

    first, second = taken(branch), taken(branch)
    assert [first.branch_id, second.branch_id] == [child.pk for child in children]
    one = commit(first, Verdict(BranchStatus.DONE, output=10))
    assert one is not None and not one.parent_ready
    two = commit(second, Verdict(BranchStatus.DONE, output=20))

    assert two is not None and two.parent_ready
    branch.refresh_from_db()
    assert (branch.status, branch.pending_children, branch.event) == (BranchStatus.READY, 0, {"kind": "joined"})
    assert Execution.objects.get().runnable == 1


def test_children_start_in_order_and_no_more_than_parallelism_at_once(branch: Branch) -> None:
    children = forked(branch, 3, parallelism=1)

    first = taken(branch)
    assert first.branch_id == children[0].pk
    assert claims.take_child(branch.pk, "worker") is None
    commit(first, Verdict(BranchStatus.DONE))
    assert taken(branch).branch_id == children[1].pk


def test_a_failing_child_ends_the_run_and_all_other_branches(branch: Branch) -> None:
    children = forked(branch, 3)

    commit(taken(branch), Verdict(BranchStatus.FAILED, error="boom"), draft(branch, TransitionType.ERROR))

    assert Execution.objects.get().status == ExecutionStatus.FAILED
    assert Execution.objects.get().error == "boom"
    others = Branch.objects.exclude(pk=children[0].pk)
    assert set(others.values_list("status", flat=True)) == {BranchStatus.CANCELLED}


def test_a_return_inside_an_arm_cancels_its_siblings_and_wakes_the_parent(branch: Branch) -> None:
    forked(branch, 3)
    returned = {"kind": "returned", "value": 5}

    result = commit(taken(branch), Verdict(BranchStatus.DONE, output=5, interrupt=returned))

    assert result is not None and result.parent_ready
    branch.refresh_from_db()
    assert (branch.status, branch.event) == (BranchStatus.READY, returned)
    assert Execution.objects.get().runnable == 1


def test_a_return_beside_an_open_wait_leaves_a_running_run(branch: Branch) -> None:
    forked(branch, 2)
    waits, returns = taken(branch), taken(branch)
    waiting = draft(branch, TransitionType.WAIT)
    commit(waits, Verdict(BranchStatus.AWAITING_INPUT, wait_id=waiting.id), waiting)
    returned = {"kind": "returned", "value": 5}

    commit(returns, Verdict(BranchStatus.DONE, output=5, interrupt=returned))

    execution = Execution.objects.get()
    assert (execution.status, execution.runnable, execution.open_waits) == (ExecutionStatus.RUNNING, 1, 0)


def test_a_late_effect_result_is_refused(branch: Branch) -> None:
    effect = {"kind": "tool", "request": {}, "options": {}, "key": "k", "attempts": 0}
    commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect))
    stale = claims.claim_effect(branch.pk, "frozen")
    Branch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    fresh = claims.claim_effect(branch.pk, "next")
    assert stale is not None and fresh is not None and fresh.effect is not None
    assert fresh.effect["attempts"] == 2

    assert not store.commit_effect(stale, {"kind": "effect", "value": "old"})
    assert store.commit_effect(fresh, {"kind": "effect", "value": "new"})
    assert not store.commit_effect(fresh, {"kind": "effect", "value": "again"})
    branch.refresh_from_db()
    assert branch.event == {"kind": "effect", "value": "new"}


def test_an_effect_to_be_retried_waits_for_its_pause(branch: Branch) -> None:
    effect = {"kind": "tool", "request": {}, "options": {}, "key": "k", "attempts": 0}
    commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect))
    claim = claims.claim_effect(branch.pk, "worker")
    assert claim is not None

    assert store.retry_effect(claim, 60, [{"attempt": 1, "error": "busy", "wait_s": 60}])

    assert claims.claim_effect(branch.pk, "worker") is None
    assert claims.claim_branch(branch.pk, "worker") is None


def test_an_effect_turned_into_a_wait_counts_as_one_and_a_stale_claim_cannot_do_it(branch: Branch) -> None:
    effect = {"kind": "tool", "request": {}, "options": {}, "key": "k", "attempts": 0}
    commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect))
    stale = claims.claim_effect(branch.pk, "the same message")
    assert claims.claim_effect(branch.pk, "the same message") is None, "its lease decides"
    Branch.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    fresh = claims.claim_effect(branch.pk, "the same message")
    assert stale is not None and fresh is not None
    wait = draft(branch, TransitionType.WAIT)
    verdict = Verdict(BranchStatus.AWAITING_INPUT, wait_id=wait.id, effect=effect)

    assert not store.commit_wait(stale, verdict, wait)
    assert store.commit_wait(fresh, verdict, wait)
    assert not store.commit_effect(fresh, {"kind": "effect", "value": "late"})

    execution = Execution.objects.get()
    assert (execution.status, execution.runnable, execution.open_waits) == (ExecutionStatus.AWAITING_INPUT, 0, 1)
    branch.refresh_from_db()
    assert (branch.wait_id, branch.effect, branch.lease_until, branch.wake_at) == (wait.id, effect, None, None)


def test_nothing_waits_in_a_run_that_has_ended(branch: Branch) -> None:
    effect = {"kind": "tool", "request": {}, "options": {}, "key": "k", "attempts": 0}
    commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect))
    claim = claims.claim_effect(branch.pk, "worker")
    assert claim is not None
    Execution.objects.update(status=ExecutionStatus.CANCELLED)
    wait = draft(branch, TransitionType.WAIT)

    assert not store.commit_wait(claim, Verdict(BranchStatus.AWAITING_INPUT, wait_id=wait.id, effect=effect), wait)
    assert Transition.objects.count() == 0


def test_a_renewed_lease_is_longer_and_a_lost_one_is_left_alone(branch: Branch) -> None:
    claim = claimed(branch)
    Branch.objects.update(lease_until=timezone.now() - timedelta(seconds=5))

    renew_leases([(branch.pk, claim.version - 1)])
    assert Branch.objects.get().lease_until < timezone.now()  # type: ignore[operator]
    renew_leases([(branch.pk, claim.version)])
    assert Branch.objects.get().lease_until > timezone.now()  # type: ignore[operator]


def _calling(branch: Branch, **tool: Any) -> Claim:
    request = {"tool": {"name": "buy", **tool}, "arguments": {}}
    effect = {"kind": "tool", "request": request, "options": {}, "key": "k", "attempts": 0}
    commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect))
    claim = claims.claim_effect(branch.pk, "worker")
    assert claim is not None
    return claim


def test_a_call_given_back_is_anothers_at_once_and_counts_no_attempt(branch: Branch) -> None:
    first = _calling(branch)

    give_back([(branch.pk, first.version)])

    second = claims.claim_effect(branch.pk, "another")
    assert second is not None and second.effect is not None
    assert second.effect["attempts"] == 1
    assert not store.commit_effect(first, {"kind": "effect", "value": "late"})
    assert store.commit_effect(second, {"kind": "effect", "value": "fresh"})


def test_of_a_call_given_back_that_must_not_be_repeated_the_doubt_stays(branch: Branch) -> None:
    first = _calling(branch, at_most_once=True)

    give_back([(branch.pk, first.version)])

    second = claims.claim_effect(branch.pk, "another")
    assert second is not None and second.effect is not None
    assert second.effect["attempts"] == 2


def test_what_is_not_held_any_more_is_not_given_back(branch: Branch) -> None:
    first = _calling(branch)
    give_back([(branch.pk, first.version - 1)])
    assert claims.claim_effect(branch.pk, "another") is None

    assert store.commit_effect(first, {"kind": "effect", "value": 1})
    give_back([(branch.pk, first.version)])
    assert Branch.objects.get().status == BranchStatus.READY


def test_of_many_workers_one_claims(committed_branch: Branch) -> None:
    claimed_by = in_threads(8, lambda index: claims.claim_branch(committed_branch.pk, f"worker {index}"))

    assert sum(claim is not None for claim in claimed_by) == 1


ARMS = 50


def test_arms_that_end_together_are_counted_once_each_and_the_parent_becomes_ready_once(
    committed_branch: Branch,
) -> None:
    forked(committed_branch, ARMS)
    arms = [taken(committed_branch, f"worker {index}") for index in range(ARMS)]

    results = in_threads(
        ARMS,
        lambda index: commit(
            arms[index],
            Verdict(BranchStatus.DONE, output=index),
            draft(committed_branch, TransitionType.FINISH_BRANCH),
            state={f"k{index}": index},
        ),
    )

    assert sum(result.parent_ready for result in results) == 1
    execution = Execution.objects.get()
    assert execution.state == {f"k{index}": index for index in range(ARMS)}
    assert sorted(Transition.objects.values_list("seq", flat=True)) == list(range(1, ARMS + 1))
    assert execution.runnable == 1


def test_lanes_that_ask_together_never_exceed_parallelism(committed_branch: Branch) -> None:
    forked(committed_branch, 10, parallelism=3)

    taken = in_threads(8, lambda _: claims.take_child(committed_branch.pk, "worker"))

    assert sum(child is not None for child in taken) == 3


def test_a_child_that_ends_leaves_its_place_to_one_other_however_many_end_together(committed_branch: Branch) -> None:
    forked(committed_branch, 20, parallelism=8)
    first = [taken(committed_branch, f"lane {index}") for index in range(8)]

    results = in_threads(
        8, lambda index: commit(first[index], Verdict(BranchStatus.DONE), keep=lane_keep(f"lane {index}"))
    )

    following = [result.claim for result in results]
    assert [claim.held for claim in following] == [BranchStatus.RUNNING] * 8
    held = Branch.objects.filter(pk__in=[claim.branch_id for claim in following])
    assert sorted(held.values_list("index", flat=True)) == list(range(8, 16))
    assert sorted(held.values_list("lease_owner", flat=True)) == [f"lane {index}" for index in range(8)]
    assert all(commit(claim, Verdict(BranchStatus.DONE)) is not None for claim in following)


def test_the_last_child_leaves_its_place_to_nobody(branch: Branch) -> None:
    forked(branch, 1)

    result = commit(taken(branch), Verdict(BranchStatus.DONE), keep=lane_keep("lane"))

    assert result == store.Committed(parent_ready=True)


def test_a_commit_that_is_refused_takes_no_other_child(branch: Branch) -> None:
    children = forked(branch, 2)
    stale = taken(branch)
    assert claimed(children[0]).version == stale.version + 1

    assert commit(stale, Verdict(BranchStatus.DONE), keep=lane_keep("lane")) is None
    children[1].refresh_from_db()
    assert (children[1].status, children[1].lease_owner) == (BranchStatus.PENDING, None)


def test_a_lane_delivered_again_goes_on_with_the_child_it_held(branch: Branch) -> None:
    forked(branch, 2)
    result = commit(taken(branch), Verdict(BranchStatus.DONE), keep=lane_keep("lane"))
    assert result is not None and result.claim is not None

    again = claims.claim_held(branch.pk, "lane")

    assert again is not None
    assert (again.branch_id, again.version) == (result.claim.branch_id, result.claim.version + 1)
    assert claims.claim_held(branch.pk, "another") is None


def tool_call(**tool: Any) -> dict[str, Any]:
    return {"kind": "tool", "request": {"tool": tool}, "options": {}, "key": "k", "attempts": 0}


def test_a_call_that_must_not_be_repeated_is_claimed_on_its_own(branch: Branch) -> None:
    verdict = Verdict(BranchStatus.CALLING, effect=tool_call(at_most_once=True))

    assert commit(claimed(branch), verdict, keep=CALL) == store.Committed(parent_ready=False)
    claim = claims.claim_effect(branch.pk, "another")
    assert claim is not None and claim.effect is not None and claim.effect["attempts"] == 1


def test_a_message_may_keep_the_call_its_slice_ended_with(branch: Branch) -> None:
    effect = tool_call(name="world")

    committed = commit(claimed(branch), Verdict(BranchStatus.CALLING, effect=effect), keep=CALL)

    assert committed is not None and committed.claim is not None
    assert committed.claim.effect == {**effect, "attempts": 1}
    assert claims.claim_effect(branch.pk, "another") is None
    assert store.commit_effect(committed.claim, {"kind": "effect", "value": 1})


def test_failures_and_cancels_that_race_leave_one_terminal_row_and_no_deadlock(committed_branch: Branch) -> None:  # D26
    forked(committed_branch, 8)
    arms = [taken(committed_branch, f"worker {index}") for index in range(8)]

    results = in_threads(
        8,
        lambda index: commit(
            arms[index],
            Verdict(BranchStatus.FAILED, error=str(index)),
            draft(committed_branch, TransitionType.ERROR),
        ),
    )

    assert sum(result is not None for result in results) == 1
    assert Transition.objects.filter(type=TransitionType.ERROR).count() == 1
    assert Execution.objects.get().status == ExecutionStatus.FAILED
