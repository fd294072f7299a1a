"""Effects that cannot go on by themselves, as open waits.

Of one that must not be repeated, when nobody knows whether it was carried out, a person decides; one that a limit of
what may be spent did not allow is made when the limit has room, or a person says so; one of a tool with `approval` is
made when a person has agreed to it; one that needs something done outside is made again when that was done.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.tools.actions import ActionNeeded
from agents.tools.approval import ApprovalNeeded
from agents.tools.secret_marks import shown
from agents.webhooks.recording import ring_where_asked
from executions import announcements
from executions.engine.draft import ACTION, AGREED, APPROVAL, WAITS_FOR, TransitionDraft, Verdict, is_surely_unsent
from executions.engine.frame import frames_from_json
from executions.engine.limits import storable_text
from executions.engine.rows import store
from executions.engine.rows.claims import Claim
from executions.states import BranchStatus, TransitionType
from julep_project.core.clock import now, to_wire
from julep_project.core.errors import CostLimitExceeded
from julep_project.core.ids import uuid7

NEEDS_ATTENTION = "needs_attention"
BUDGET = "budget"
TOOL_APPROVAL = "tool_approval"

log = logging.getLogger(__name__)


def ask_a_person(claim: Claim, reason: str) -> Verdict | None:
    """Turn the effect into an open wait; what it is resumed with counts as the tool's result.

    The effect stays in the row, which is how a resume tells such a wait from one of the program. None: the claim was
    lost.
    """
    assert claim.effect is not None
    effect = claim.run.contents.unpack_effect(claim.effect)
    request = effect["request"]
    told = {
        "type": NEEDS_ATTENTION,
        "tool": request["tool"]["name"],
        "arguments": shown(request["arguments"], request.get("secrets") or {}),
        "idempotency_key": effect["key"],
        "reason": reason,
    }
    return _wait(claim, effect, told)


def wait_for_budget(claim: Claim, error: CostLimitExceeded) -> Verdict | None:
    """Turn the effect into an open wait for room in the limits that the error names; the attempt is not counted.

    The effect stays in the row with what it waits for, and is made when the wait is over. None: the claim was lost.
    """
    assert claim.effect is not None
    effect = claim.run.contents.unpack_effect(claim.effect)
    limits = [None if limit_id is None else str(limit_id) for limit_id in error.limits]
    waiting = {
        **effect,
        "attempts": max(effect["attempts"] - 1, 0),
        WAITS_FOR: {"type": BUDGET, "limits": limits, "asked": error.asked},
    }
    return _wait(claim, waiting, {"type": BUDGET, "reason": error.message, **error.extra})


def wait_for_approval(claim: Claim, needed: ApprovalNeeded) -> Verdict | None:
    """Turn the effect into an open wait for somebody who agrees to exactly this call, or does not. Nothing was done,
    so the attempt is not counted.

    The effect stays in the row with the question. None: the claim was lost.
    """
    assert claim.effect is not None
    effect, asked = claim.run.contents.unpack_effect(claim.effect), needed.asked
    wait_id = uuid7()
    attempts = 0 if is_surely_unsent(effect) else max(effect["attempts"] - 1, 0)
    told = {"type": TOOL_APPROVAL, "id": str(wait_id), **asked.told()}
    waiting = {
        **{name: part for name, part in effect.items() if name != AGREED},
        "attempts": attempts,
        WAITS_FOR: {
            "type": APPROVAL,
            "tool": asked.tool,
            "hash": asked.hash,
            "digest": asked.digest,
            "held": needed.sources,
        },
    }
    verdict = _wait(claim, waiting, told, wait_id)
    if verdict is not None:
        fields = {"action": "approval_asked_for", "execution_id": claim.execution_id, "wait_id": wait_id}
        log.info("approval asked for", extra={**fields, "tool": asked.tool})
    return verdict


def wait_for_action(claim: Claim, needed: ActionNeeded) -> Verdict | None:
    """Turn the effect into an open wait for what has to be done before the call can be made; the attempt is not
    counted. The effect stays in the row. None: the claim was lost.
    """
    assert claim.effect is not None
    effect, action, wait_id = claim.run.contents.unpack_effect(claim.effect), needed.action, uuid7()
    expires_at = to_wire(now() + timedelta(seconds=action.expires_s))
    told = {
        **action.told,
        "type": action.type,
        "id": str(wait_id),
        "tool": effect["request"]["tool"]["name"],
        "message": needed.message,
        "expires_at": expires_at,
    }
    waits_for = {"type": ACTION, "action": action.type, "key": action.key, "seen": action.seen, "kept": action.kept}
    waiting = {
        **effect,
        "attempts": max(effect["attempts"] - 1, 0),
        WAITS_FOR: {**waits_for, "expires_at": expires_at},
    }
    return _wait(claim, waiting, told, wait_id)


def _wait(
    claim: Claim, effect: Mapping[str, Any], output: dict[str, Any], wait_id: UUID | None = None
) -> Verdict | None:
    frame = frames_from_json(claim.run.contents.unpack_stack(claim.stack))[-1]
    step = claim.run.program.block(frame.path)[frame.pc]
    wait = TransitionDraft(
        id=wait_id or uuid7(),
        type=TransitionType.WAIT,
        current=frame.target(),
        next=None,
        output=output,
        output_text=storable_text(output),
        scope=frame.scope,
        step_label=step.label,
    )
    verdict = Verdict(BranchStatus.AWAITING_INPUT, wait_id=wait.id, effect=dict(effect))
    if not store.commit_wait(claim, verdict, wait):
        return None
    announcements.announce(claim.execution_id)
    transaction.on_commit(partial(ring_where_asked, claim.run.developer_id))
    return verdict
