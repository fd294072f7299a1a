"""Holds answers to what an open wait asks for."""

from typing import Any
from uuid import UUID

from executions.models import Transition
from julep_project.core.actor import Actor, ActorKind, current_actor
from julep_project.core.errors import Forbidden, InvalidInput
from julep_project.core.reading.validation import problem
from julep_project.core.schemas.json_schema import UnusableSchema, find_problems

_NAMEABLE = tuple(f"{kind.value}:" for kind in (ActorKind.KEY, ActorKind.STAFF, ActorKind.TOKEN))
# How the server's own key is listed beside others.
_OWN_KEY = "key:AGENTS_API_KEY"
_MOST_TOLD = 10
_LONGEST_TOLD = 100


def check_answer(wait_id: UUID, value: Any) -> None:
    """Refuse what the wait does not ask for.

    Raises:
        Forbidden: it names in its `assignees` who may answer, and the current actor is none of them.
        InvalidInput: the value does not fit its `schema`. One that is no schema asks for nothing.
    """
    shown = Transition.objects.filter(pk=wait_id).values_list("output", flat=True).first()
    if isinstance(shown, dict):
        _check_assignee(shown.get("assignees"))
        _check_fits(shown.get("schema"), value)


def _check_assignee(assignees: Any) -> None:
    named = assignees if isinstance(assignees, list) else [assignees]
    # Other names mean something to the client, which knows its own people.
    known = [name for name in named if isinstance(name, str) and name.startswith(_NAMEABLE)]
    if known and _names_of(current_actor()).isdisjoint(known):
        told = ", ".join(name[:_LONGEST_TOLD] for name in known[:_MOST_TOLD])
        raise Forbidden(f"This wait may be answered only by: {told}")


def _names_of(actor: Actor) -> set[str]:
    if actor.kind is ActorKind.INTERNAL:
        return {_OWN_KEY}
    return {f"{actor.kind.value}:{name}" for name in (actor.id, actor.label) if name}


def _check_fits(schema: Any, value: Any) -> None:
    if not isinstance(schema, dict):
        return
    try:
        problems = find_problems(schema, value)
    except UnusableSchema:
        return
    if problems:
        raise InvalidInput(
            [
                {**problem(["input"], "value_error"), "loc": f"input{found.path[1:]}", "msg": found.message}
                for found in problems
            ]
        )
