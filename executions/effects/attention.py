"""Effects that must not be repeated: when nobody knows whether one was carried out, a person decides."""

from agents.tools.secret_marks import shown
from executions import announcements
from executions.engine.draft import TransitionDraft, Verdict
from executions.engine.frame import frames_from_json
from executions.engine.limits import storable_text
from executions.engine.rows import store
from executions.engine.rows.claims import Claim
from executions.states import BranchStatus, TransitionType

NEEDS_ATTENTION = "needs_attention"


def ask_a_person(claim: Claim, reason: str) -> Verdict | None:
    """Turn the effect into an open wait; what it is resumed with counts as the tool's result.

    The effect stays in the row, which is how a resume tells such a wait from one of the program. None: the claim was
    lost.
    """
    assert claim.effect is not None
    effect = claim.run.contents.unpack_effect(claim.effect)
    request = effect["request"]
    output = {
        "type": NEEDS_ATTENTION,
        "tool": request["tool"]["name"],
        "arguments": shown(request["arguments"], request.get("secrets") or {}),
        "idempotency_key": effect["key"],
        "reason": reason,
    }
    frame = frames_from_json(claim.run.contents.unpack_stack(claim.stack))[-1]
    wait = TransitionDraft(
        type=TransitionType.WAIT,
        current=frame.target(),
        next=None,
        output=output,
        output_text=storable_text(output),
        scope=frame.scope,
    )
    verdict = Verdict(BranchStatus.AWAITING_INPUT, wait_id=wait.id, effect=dict(effect))
    if not store.commit_wait(claim, verdict, wait):
        return None
    announcements.announce(claim.execution_id)
    return verdict
