"""Work outside the database: do it under a renewed lease, between "requested" and "result".

It may run more than once after a crash; every attempt carries the same idempotency key.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection

from agents.tools.errors import ToolError
from executions.effects import model, tool
from executions.effects.lease import KEEPER
from executions.effects.retry import RetryPolicy
from executions.engine import store
from executions.engine.limits import storable_text
from executions.engine.run import Run, load_version
from executions.engine.store import Claim
from julep_project.core.errors import DomainError
from julep_project.core.jsontext import NotStorable

log = logging.getLogger(__name__)

PREPARERS = {"model": model.prepare, "tool": tool.prepare}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why an attempt gave no result."""

    message: str
    type: str
    retryable: bool


def perform_effect(branch_id: UUID, *, owner: str) -> float | None:
    """Do the effect a branch waits for and record its result.

    Returns:
        Seconds until the next attempt when this one failed and may be repeated; None when the branch is to be looked
        at, because a result was recorded or because there was nothing to do.
    """
    claim = store.claim_effect(branch_id, owner)
    if claim is None or claim.effect is None:
        return None
    policy = RetryPolicy.of(claim.effect["options"])
    attempts = claim.effect["attempts"]
    if attempts > policy.max_attempts:
        _record_failure(claim, _Refusal(f"the worker was lost in each of {attempts - 1} attempts", "lost", False))
        return None
    refusal = _attempt(claim)
    if refusal is None:
        return None
    if refusal.retryable and attempts < policy.max_attempts:
        wait_s = policy.wait_s(attempts)
        return wait_s if store.retry_effect(claim, wait_s) else None
    _record_failure(claim, refusal)
    return None


def _attempt(claim: Claim) -> _Refusal | None:
    """One attempt. None: its result is recorded (or the claim was lost)."""
    try:
        with KEEPER.holding(claim):
            work = _prepare(claim)
            _give_connection_back()
            value = work()
        storable_text(value)
    except ToolError as error:
        return _Refusal(str(error), "ToolError", error.retryable)
    except DomainError as error:
        return _Refusal(error.message, type(error).__name__, error.retryable)
    except NotStorable as error:
        return _Refusal(str(error), type(error).__name__, False)
    except DatabaseError:
        raise
    except Exception:
        log.exception("effect raised", extra={"branch_id": claim.branch_id, "kind": _kind(claim)})
        return _Refusal("internal error while carrying out the step", "InternalError", False)
    store.commit_effect(claim, {"kind": "effect", "value": value})
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


def _give_connection_back() -> None:
    """Hold no database connection while the world is awaited. A caller's own transaction is left alone."""
    if not connection.in_atomic_block:
        connection.close()


def _record_failure(claim: Claim, refusal: _Refusal) -> None:
    store.commit_effect(claim, {"kind": "failed", "message": refusal.message, "type": refusal.type})
