"""What becomes of a call that a person must agree to, when somebody has decided.

A decision is about one wait, which it names by its id, and about what was shown there, which it names by its hash. What
is called then stands in the branch's effect since the question was asked, and is not evaluated again.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from agents.audit.recording import Act
from agents.audit.verbs import ObjectKind, Verb
from agents.tools.decisions import Decision, check_is_person
from executions.engine.draft import AGREED, APPROVAL, WAITS_FOR
from executions.models import Branch
from executions.states import BranchStatus

log = logging.getLogger(__name__)

CALL_DENIED = "CallDenied"


def is_approval(branch: Branch) -> bool:
    """Whether the branch waits for somebody who agrees to its call."""
    return _question(branch).get("type") == APPROVAL


def decided(branch: Branch, value: Any) -> tuple[dict[str, Any], Act]:
    """How the branch goes on when it is answered with the value, and the act of whoever did.

    One call is made of what was agreed to. One that was denied fails the step; a model that made it is told.

    Raises:
        InvalidInput: the value is no decision. ApprovalMismatch: it is about another call.
        Forbidden: it is not a person that decides.
    """
    check_is_person()
    decision, question = Decision.read(value, ("input",)), _question(branch)
    decision.check_is_about(str(branch.wait_id), question["hash"])
    told = {**decision.shown(), "tool": question["tool"]}
    fields = {"execution_id": branch.execution_id, "wait_id": branch.wait_id, "tool": question["tool"]}
    fields |= {"action": "approval_decided", "decision": told["decision"]}
    transaction.on_commit(lambda: log.info("approval decided", extra=fields))
    act = Act(Verb.RESUME, ObjectKind.EXECUTION, branch.execution_id, after=told)
    return _onwards(branch.effect or {}, decision, question["digest"]), act


def _onwards(effect: Mapping[str, Any], decision: Decision, digest: str) -> dict[str, Any]:
    kept = {name: part for name, part in effect.items() if name != WAITS_FOR}
    if decision.approves:
        return {"status": BranchStatus.CALLING, "event": None, "effect": {**kept, AGREED: digest}}
    event = {"kind": "failed", "message": decision.told, "type": CALL_DENIED}
    if effect["request"].get("from_model") is True:
        event = {"kind": "effect", "value": decision.told}
    return {"status": BranchStatus.READY, "event": event, "effect": None}


def _question(branch: Branch) -> Mapping[str, Any]:
    asked = (branch.effect or {}).get(WAITS_FOR)
    return asked if isinstance(asked, Mapping) else {}
