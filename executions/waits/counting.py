"""Counts the answers to a wait with a quorum, as the log tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models.fields.json import KeyTextTransform

from executions.models import OF_WAIT, PERSON, QUORUM, Branch, Execution, Transition, answers_to
from executions.states import BranchStatus, TransitionType
from executions.waits.errors import AnsweredAlready
from julep_project.core.actor import Actor, ActorKind, current_actor
from julep_project.core.clock import to_wire
from tasks.steps.quorum import Quorum, after_answer, is_settled, person_named, told

# So many open waits of a run are told of.
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """One answer with its place among the others. `metadata` is for its row of the log."""

    wait_id: str
    quorum: Quorum
    metadata: Mapping[str, Any]

    @property
    def is_last(self) -> bool:
        return is_settled(self.quorum)


def count_answer(wait: Transition, value: Any) -> Counted | None:
    """Count what the current actor answers; None when the wait has no quorum. The row of the run is locked.

    Raises:
        AnsweredAlready
    """
    quorum = wait.metadata.get(QUORUM)
    if quorum is None:
        return None
    person = person_of(current_actor())
    given = answers_to(wait.execution_id, str(wait.pk)).order_by("seq").values_list("metadata", "created_at")
    for metadata, at in given:
        if metadata[PERSON] == person:
            raise AnsweredAlready(extra={"answered_at": to_wire(at)})
        quorum = metadata[QUORUM]
    quorum = after_answer(quorum, value)
    return Counted(str(wait.pk), quorum, {OF_WAIT: str(wait.pk), PERSON: person, QUORUM: quorum})


def person_of(actor: Actor) -> str:
    """By what people who answer are told apart. A link stands for whom it was made out to, if that was said."""
    if actor.kind is ActorKind.LINK and actor.label:
        return person_named(f"{actor.kind.value}:{actor.label}")
    return f"{actor.kind.value}:{actor.id}"


def progress_of(execution: Execution) -> str | None:
    """How far those open waits of a run are that have a quorum, if any has."""
    if not execution.open_waits:
        return None
    open_ = Branch.objects.filter(execution=execution, status=BranchStatus.AWAITING_INPUT).values("wait_id")
    asking = Transition.objects.defer("output").filter(execution=execution, pk__in=open_, metadata__has_key=QUORUM)
    waits = list(asking.order_by("seq")[:_MOST_TOLD])
    with_progress(waits)
    return "; ".join(f"{_named(wait)}{told(wait.metadata[QUORUM])}" for wait in waits) or None


def _named(wait: Transition) -> str:
    return f"{wait.step_label}: " if wait.step_label else ""


def with_progress(rows: Sequence[Transition]) -> None:
    """Let waits with a quorum among these rows tell how many have answered by now."""
    asking = {str(row.pk): row for row in rows if row.type == TransitionType.WAIT and QUORUM in row.metadata}
    if not asking:
        return
    answers = Transition.objects.alias(wait=KeyTextTransform(OF_WAIT, "metadata")).filter(
        execution__in={row.execution_id for row in asking.values()},
        type=TransitionType.RESUME,
        metadata__has_key=PERSON,
        wait__in=asking,
    )
    for metadata in answers.order_by("seq").values_list("metadata", flat=True):
        row = asking[metadata[OF_WAIT]]
        row.metadata = {**row.metadata, QUORUM: metadata[QUORUM]}
