"""Holds answers to what an open wait asks for."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents.tools.decisions import check_is_person
from executions.models import Transition
from julep_project.core.actor import Actor, ActorKind, current_actor
from julep_project.core.errors import Forbidden
from julep_project.core.reading.validation import check_fits, invalid
from tasks.steps.quorum import APPROVE, named_assignees

# How the server's own key is listed beside others.
_OWN_KEY = "key:AGENTS_API_KEY"
_MOST_TOLD = 10
_LONGEST_TOLD = 100


def check_answer(wait_id: UUID, value: Any) -> None:
    """Refuse what the wait does not ask for.

    Raises:
        Forbidden: it names in its `assignees` who may answer, and the current actor is none of them; or a tool or a
            hook answers where people are named or counted.
        InvalidInput: the value does not fit its `schema`, or does not say whether it approves. What is no schema asks
            for nothing.
    """
    wait = Transition.objects.filter(pk=wait_id).values_list("output", "metadata__quorum").first()
    if wait is None:
        return
    shown, quorum = wait
    named = named_assignees(shown)
    if named or quorum is not None:
        check_is_person()
    _check_assignee(named)
    if isinstance(shown, dict):
        check_fits(shown.get("schema"), value, "input")
    if quorum is not None and APPROVE in quorum:
        _check_approves(value)


def _check_assignee(known: Sequence[str]) -> None:
    if known and _names_of(current_actor()).isdisjoint(known):
        told = ", ".join(name[:_LONGEST_TOLD] for name in known[:_MOST_TOLD])
        raise Forbidden(f"This wait may be answered only by: {told}")


def _names_of(actor: Actor) -> set[str]:
    if actor.kind is ActorKind.INTERNAL:
        return {_OWN_KEY}
    return {f"{actor.kind.value}:{name}" for name in (actor.id, actor.label) if name}


def _check_approves(value: Any) -> None:
    if not isinstance(value, dict) or not isinstance(value.get(APPROVE), bool):
        raise invalid(["input", APPROVE], "value_error", expected="true or false")
