"""Work outside the database: do it under a renewed lease, between "requested" and "result".

It may run more than once after a crash; every attempt carries the same idempotency key.
"""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError

from agents.tools.errors import Delivery, ToolError
from executions.crashpoints import crashpoint
from executions.effects import attention, embed, model, search, tool
from executions.effects.lease import holding
from executions.effects.retry import Refusal, RetryPolicy, lost_its_worker, notes_after, notes_of
from executions.engine import store
from executions.engine.limits import storable_text
from executions.engine.run import Run, load_version
from executions.engine.store import Claim
from julep_project.core.database import give_connection_back
from julep_project.core.errors import DomainError
from julep_project.core.jsontext import NotStorable

log = logging.getLogger(__name__)

PREPARERS = {"embed": embed.prepare, "model": model.prepare, "search": search.prepare, "tool": tool.prepare}


def perform_effect(branch_id: UUID, *, owner: str) -> float | None:
    """Do the effect a branch waits for and record its result.

    Returns:
        Seconds until the next attempt when this one failed and may be repeated; None when the branch is to be looked
        at, because a result was recorded or because there was nothing to do.
    """
    crashpoint("before_claim", branch_id, call=True)
    claim = store.claim_effect(branch_id, owner)
    if claim is None or claim.effect is None:
        return None
    if attention.is_at_most_once(claim.effect) and lost_its_worker(claim.effect):
        attention.ask_a_person(claim, "the worker was lost while it called the tool")
        return None
    policy = RetryPolicy.of(claim.effect["options"])
    attempts = claim.effect["attempts"]
    if attempts > policy.max_attempts:
        _record_failure(claim, Refusal(f"the worker was lost in each of {attempts - 1} attempts", "lost"))
        return None
    crashpoint("after_claim", branch_id, call=True)
    refusal = _attempt(claim)
    return None if refusal is None else _after_refusal(claim, claim.effect, refusal, policy)


def _after_refusal(claim: Claim, effect: dict[str, Any], refusal: Refusal, policy: RetryPolicy) -> float | None:
    """Plan another attempt, ask a person or let the step fail. Seconds until the attempt, if there is one."""
    at_most_once = attention.is_at_most_once(effect)
    if at_most_once and refusal.delivery is Delivery.UNCLEAR:
        attention.ask_a_person(claim, refusal.message)
        return None
    attempts = effect["attempts"]
    if not policy.repeats(refusal, attempts, at_most_once=at_most_once):
        _record_failure(claim, refusal)
        return None
    wait_s = policy.wait_s(attempts)
    return wait_s if store.retry_effect(claim, wait_s, notes_after(effect, refusal, wait_s)) else None


def _attempt(claim: Claim) -> Refusal | None:
    """One attempt. None: its result is recorded (or the claim was lost)."""
    try:
        with holding(claim):
            work = _prepare(claim)
            give_connection_back()
            crashpoint("before_effect", claim.branch_id, call=True)
            value = work()
            crashpoint("after_effect", claim.branch_id, call=True)
        storable_text(value)
    except ToolError as error:
        return Refusal(str(error), "ToolError", error.retryable, error.repeatable, error.delivery)
    except DomainError as error:
        return Refusal(error.explanation, type(error).__name__, error.retryable, error.repeatable)
    except NotStorable as error:
        return Refusal(str(error), type(error).__name__, repeatable=True)
    except DatabaseError:
        raise
    except Exception:
        log.exception("effect raised", extra={"branch_id": claim.branch_id, "kind": _kind(claim)})
        message = "internal error while carrying out the step"
        return Refusal(message, "InternalError", repeatable=True, delivery=Delivery.UNCLEAR)
    _record(claim, {"kind": "effect", "value": value})
    return None


def _kind(claim: Claim) -> str:
    assert claim.effect is not None
    return str(claim.effect["kind"])


def _prepare(claim: Claim) -> Callable[[], Any]:
    assert claim.effect is not None
    run = Run(
        execution_id=claim.execution_id,
        branch_id=claim.branch_id,
        developer_id=claim.developer_id,
        version=load_version(claim.task_version_id),
    )
    return PREPARERS[_kind(claim)](run, claim.effect)


def _record_failure(claim: Claim, refusal: Refusal) -> None:
    _record(claim, {"kind": "failed", "message": refusal.message, "type": refusal.type})


def _record(claim: Claim, event: dict[str, Any]) -> None:
    """Record what came out, together with the notes of the attempts before."""
    assert claim.effect is not None
    notes = notes_of(claim.effect)
    if not store.commit_effect(claim, {**event, "retries": notes} if notes else event):
        log.info("effect refused", extra={"branch_id": claim.branch_id, "version": claim.version})
    crashpoint("after_commit", claim.branch_id, call=True)
