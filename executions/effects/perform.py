"""Work outside the database: do it under a renewed lease, between "requested" and "result".

It may run more than once after a crash; every attempt carries the same idempotency key.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError

from agents.calls.purpose import calling_for
from agents.calls.wanted import wanted_while
from agents.spending.attribution import attributed
from agents.tools.actions import ActionNeeded
from agents.tools.approval import ApprovalNeeded
from agents.tools.errors import Delivery, NotYet, StillRunning, ToolError
from executions.crashpoints import crashpoint
from executions.effects import agreement, attention, embed, emit, model, search, tool
from executions.effects.effect_lease import holding, is_held
from executions.effects.influence import PLACE
from executions.effects.retry import Refusal, RetryPolicy, lost_its_worker, notes_after, told_with_notes
from executions.engine.advance import Advanced, freed_by, run_slice
from executions.engine.draft import BEGUN, Verdict, is_at_most_once, is_surely_unsent
from executions.engine.history.attempts import SUCCEEDED, time_of_attempt
from executions.engine.limits import CALLS_S, STEPS_BETWEEN_CALLS_S, storable_text
from executions.engine.observing import call_under_way, note_lost_call
from executions.engine.outage import HoldUp, hand_back, held_up_for_s, hold_up_of
from executions.engine.rows import claims, store
from executions.engine.rows.claims import Claim
from executions.engine.rows.store import Keep
from executions.engine.standing import hold_up_before
from executions.engine.standing import hold_up_of as hold_up_of_pause
from executions.states import BranchStatus
from julep_project.core.clock import now
from julep_project.core.database import give_connection_back
from julep_project.core.errors import CostLimitExceeded, DomainError, RateLimited
from julep_project.core.outages import when_back
from julep_project.core.pauses.errors import Paused
from julep_project.core.process.panics import contained
from julep_project.core.reading.jsontext import NotStorable
from julep_project.core.storage_errors import took_too_long
from julep_project.core.tenancy import tenant_scope

log = logging.getLogger(__name__)

PREPARERS = {
    "agreement": agreement.prepare,
    "embed": embed.prepare,
    "emit": emit.prepare,
    "model": model.prepare,
    "search": search.prepare,
    "tool": tool.prepare,
}


def perform_effect(branch_id: UUID, *, owner: str) -> Advanced | None:
    """Do the effect a branch waits for, run what follows it, and so on from call to call for a short time.

    Returns what is to be rung then; None when the claim was lost.
    """
    crashpoint("before_claim", branch_id, call=True)
    claim = claims.claim_effect(branch_id, owner)
    if claim is None or claim.effect is None:
        # Its result may be recorded already and only the ring for that be lost.
        return Advanced(branch_id, None, Verdict(BranchStatus.READY))
    keep = Keep(owner, time.monotonic() + CALLS_S, effect=True)
    advanced = perform_claimed(claim, keep)
    while advanced is not None and advanced.claim is not None:
        advanced = perform_claimed(advanced.claim, keep)
    return advanced


def perform_claimed(claim: Claim, keep: Keep) -> Advanced | None:
    """Do one claimed effect, and run the slice that follows it.

    None: the claim was lost, or was handed back because a neighbour is away.
    """
    try:
        return _perform(claim, keep)
    except DatabaseError as error:
        hold_up = hold_up_of(error, claim)
        # Whether a call was made that must not be made again is not known here: the end of its lease will tell.
        if hold_up is None or is_at_most_once(_effect_of(claim)):
            raise
        return _held_up(claim, hold_up)


def _perform(claim: Claim, keep: Keep) -> Advanced | None:
    effect = _effect_of(claim)
    if lost_its_worker(effect):
        note_lost_call()
    if is_at_most_once(effect) and lost_its_worker(effect) and not is_surely_unsent(effect):
        return _ask(claim, "the worker was lost while it called the tool", keep)
    policy = RetryPolicy.of(effect["options"])
    attempts = effect["attempts"]
    if attempts > policy.max_attempts:
        lost = Refusal(f"the worker was lost in each of {attempts - 1} attempts", "lost")
        return _go_on(claim, _failed(lost), keep)
    crashpoint("after_claim", claim.branch_id, call=True)
    began = now()
    outcome = _attempt(claim)
    if isinstance(outcome, HoldUp):
        return _held_up(claim, outcome)
    if isinstance(outcome, CostLimitExceeded):
        return _parked(claim, attention.wait_for_budget(claim, outcome), keep)
    if isinstance(outcome, ApprovalNeeded):
        return _parked(claim, attention.wait_for_approval(claim, outcome), keep)
    if isinstance(outcome, ActionNeeded):
        return _parked(claim, attention.wait_for_action(claim, outcome), keep)
    if isinstance(outcome, Refusal):
        return _after_refusal(claim, outcome, policy, keep, _at(claim, began, outcome.type))
    return _go_on(claim, outcome, keep, _at(claim, began, SUCCEEDED))


def _after_refusal(
    claim: Claim, refusal: Refusal, policy: RetryPolicy, keep: Keep, at: dict[str, Any]
) -> Advanced | None:
    """Plan another attempt, ask a person or let the step fail."""
    effect = _effect_of(claim)
    at_most_once = is_at_most_once(effect)
    if at_most_once and refusal.delivery is Delivery.UNCLEAR:
        return _ask(claim, refusal.message, keep)
    attempts = effect["attempts"]
    if not policy.repeats(refusal, attempts, at_most_once=at_most_once):
        return _go_on(claim, _failed(refusal), keep, at)
    wait_s = policy.wait_s(attempts, refusal)
    notes = notes_after(effect, refusal, wait_s, at)
    if not when_back(lambda: store.retry_effect(claim, wait_s, notes)):
        return None
    return _advanced(claim, Verdict(BranchStatus.CALLING, sleep_s=wait_s))


def _ask(claim: Claim, reason: str, keep: Keep) -> Advanced | None:
    return _parked(claim, attention.ask_a_person(claim, reason), keep)


def _parked(claim: Claim, verdict: Verdict | None, keep: Keep) -> Advanced | None:
    if verdict is None:
        return None
    return replace(_advanced(claim, verdict), freed=freed_by(claim, verdict, keep))


def _held_up(claim: Claim, hold_up: HoldUp) -> Advanced | None:
    pause_s = hand_back(claim, hold_up)
    return None if pause_s is None else _advanced(claim, Verdict(BranchStatus.CALLING, sleep_s=pause_s))


def _attempt(claim: Claim) -> dict[str, Any] | Refusal | HoldUp | CostLimitExceeded | ApprovalNeeded | ActionNeeded:
    """One attempt: the event that tells its result, or why there is none."""
    may_be_sent = False
    effect = _effect_of(claim)
    try:
        standing = hold_up_before(claim)
        if standing is not None:
            return standing
        with holding(claim), tenant_scope(claim.run.developer_id):
            work = _prepare(claim)
            spent_for = claim.run.attribution
            give_connection_back()
            crashpoint("before_effect", claim.branch_id, call=True)
            may_be_sent = True
            begun = effect.get(BEGUN) and UUID(effect[BEGUN])
            told = calling_for(key=effect["key"], attempt=effect["attempts"], branch_id=claim.branch_id, begun=begun)
            wanted = wanted_while(partial(is_held, claim))
            with contained(), attributed(**spent_for), call_under_way(claim), told, wanted:
                value = work()
            crashpoint("after_effect", claim.branch_id, call=True)
        text = storable_text(value)
    except NotStorable as error:
        return Refusal(str(error), type(error).__name__, repeatable=True)
    except (ApprovalNeeded, ActionNeeded) as needed:
        return needed
    except (ToolError, DomainError, DatabaseError) as error:
        limit = _limit_of(error)
        if limit is not None and not limit.is_momentary:
            return limit
        return _hold_up(claim, error, may_be_sent) or _refusal(error, may_be_sent)
    except Exception:
        log.exception("effect raised", extra={"branch_id": claim.branch_id, "kind": _kind(claim)})
        message = "internal error while carrying out the step"
        return Refusal(message, "InternalError", repeatable=True, delivery=Delivery.UNCLEAR)
    # As it would be read from the row.
    return {"kind": "effect", "value": json.loads(text)}


def _limit_of(error: Exception) -> CostLimitExceeded | None:
    """The limit of what may be spent that did not allow the call, if nothing was done before it was met."""
    found = error if isinstance(error, CostLimitExceeded) else error.__cause__
    return found if isinstance(found, CostLimitExceeded) and not found.is_final else None


def _hold_up(claim: Claim, error: Exception, may_be_sent: bool) -> HoldUp | None:
    """Who kept the attempt from being made: a neighbour that is away, or the other side, which wants to be asked later.
    That is no failure, unless it goes on for too long."""
    limit = _limit_of(error)
    if limit is not None:
        return HoldUp("calls under way, for which the rest of a limit is set aside", limit.message)
    if isinstance(error, ToolError):
        return _hold_up_of_tool(claim, error)
    if isinstance(error, Paused):
        return hold_up_of_pause(error.pause, "the end of a pause of the model")
    if isinstance(error, RateLimited):
        hold_up = HoldUp("the model provider", error.message, error.wait_s, error.spread_s)
        return hold_up if _has_patience(claim) else None
    return None if may_be_sent and is_at_most_once(_effect_of(claim)) else hold_up_of(error, claim)


def _hold_up_of_tool(claim: Claim, error: ToolError) -> HoldUp | None:
    """One of our own tools may have met a neighbour that is away."""
    if isinstance(error, StillRunning):
        return HoldUp("a run that it began", error.message, error.wait_s, run_id=error.run_id, is_planned=True)
    if isinstance(error, NotYet):
        return HoldUp(error.waits_for, error.message, error.wait_s, is_planned=True, is_punctual=error.is_punctual)
    is_sent = error.delivery is not Delivery.NOT_SENT
    if error.delivery is Delivery.UNCLEAR or (is_sent and is_at_most_once(_effect_of(claim))):
        return None
    if error.wait_s is None:
        return None if is_sent else hold_up_of(error.__cause__, claim)
    hold_up = HoldUp("the other side of a tool", error.message, error.wait_s, error.spread_s)
    return hold_up if _has_patience(claim) else None


def _has_patience(claim: Claim) -> bool:
    return held_up_for_s(claim) < settings.RATE_LIMIT_PATIENCE_S


def _refusal(error: Exception, may_be_sent: bool) -> Refusal:
    match error:
        case DatabaseError() if took_too_long(error):
            delivery = Delivery.UNCLEAR if may_be_sent else Delivery.NOT_SENT
            message = "the database took too long over it"
            return Refusal(message, "StorageBusy", retryable=True, repeatable=True, delivery=delivery)
        case ToolError():
            return Refusal(str(error), error.kind, error.retryable, error.repeatable, error.delivery, error.wait_s)
        case RateLimited():
            return Refusal(error.explanation, "ModelUnavailable", retryable=True, repeatable=True, wait_s=error.wait_s)
        case DomainError():
            return Refusal(error.explanation, type(error).__name__, error.retryable, error.repeatable)
    raise error


def _go_on(claim: Claim, event: dict[str, Any], keep: Keep, at: dict[str, Any] | None = None) -> Advanced | None:
    """Run the slice that starts with the event, and commit both in one go. `at`: when the attempt was made.

    The result of a call that must not be repeated is recorded first: a crash in the slice must not lose it. That is
    done too on a later attempt, in case the slice is what ended the one before, and when the slice cannot be run here:
    its own attempts are counted then, and no more calls are made.
    """
    effect = _effect_of(claim)
    told = told_with_notes(event, effect, at)
    if is_at_most_once(effect) or effect["attempts"] > 1:
        return _record(claim, told)
    try:
        return run_slice(claim, event=told, keep=keep, budget_s=STEPS_BETWEEN_CALLS_S, is_shared=True)
    except Exception as error:
        # What was answered is not asked for again because a neighbour is away.
        if isinstance(error, DatabaseError) and not (took_too_long(error) or hold_up_of(error, claim)):
            raise
        log.exception("slice after an effect raised", extra={"branch_id": claim.branch_id})
        return _record(claim, told)


def _record(claim: Claim, event: dict[str, Any]) -> Advanced | None:
    """Record what came out, for a slice of its own."""
    with holding(claim):
        recorded = when_back(lambda: store.commit_effect(claim, event))
    if not recorded:
        log.info("effect refused", extra={"branch_id": claim.branch_id, "version": claim.version})
        return None
    crashpoint("after_commit", claim.branch_id, call=True)
    return _advanced(claim, Verdict(BranchStatus.READY))


def _advanced(claim: Claim, verdict: Verdict) -> Advanced:
    return Advanced(claim.branch_id, claim.parent_id, verdict)


def _at(claim: Claim, began: datetime, status: str) -> dict[str, Any]:
    return time_of_attempt(claim.ready_at or claim.taken_at, began, status, _effect_of(claim)["key"])


def _effect_of(claim: Claim) -> dict[str, Any]:
    assert claim.effect is not None
    return claim.effect


def _kind(claim: Claim) -> str:
    return str(_effect_of(claim)["kind"])


def _prepare(claim: Claim) -> Callable[[], Any]:
    effect = claim.run.contents.unpack_effect(_effect_of(claim))
    if claim.stack:
        effect = {**effect, PLACE: [*claim.stack[-1]["path"], claim.stack[-1]["pc"]]}
    return PREPARERS[_kind(claim)](claim.run, effect)


def _failed(refusal: Refusal) -> dict[str, Any]:
    return {"kind": "failed", "message": refusal.message, "type": refusal.type}
