"""How a run stands, for whoever asks for it from outside: whether it goes on by itself, and what it waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Func, IntegerField

from agents.models import Developer
from executions import selectors
from executions.models import Branch, EventWait, Execution, Transition
from executions.states import TERMINAL_EXECUTION, BranchStatus, ExecutionStatus
from executions.waits.actions import takes_a_form

# So many waits of a run are told; of larger ones, only that they are there.
_MOST_WAITS = 20
_LARGEST_QUESTION = 64 * 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """A run, and what it waits for by the ids of its waits."""

    run: Execution
    waits: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        return self.run.status in TERMINAL_EXECUTION

    @property
    def rests(self) -> bool:
        """Whether it has ended, or goes on only when somebody answers."""
        return self.is_over or bool(self.waits)


def standing_of(developer: Developer, run_id: UUID, *, whole: bool = True) -> Standing:
    """How the run stands now. Unless it is `whole`, input, output and what waits ask are left where they lie.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    run = selectors.get_execution(developer, run_id, whole=whole)
    if run.status != ExecutionStatus.AWAITING_INPUT:
        return Standing(run, {})
    branches = Branch.objects.filter(execution=run, status=BranchStatus.AWAITING_INPUT, wait_id__isnull=False)
    # Nobody has to answer what waits for an event.
    branches = branches.exclude(wait_id__in=EventWait.objects.filter(execution=run).values("pk"))
    found = Transition.objects.filter(pk__in=branches.values("wait_id")).order_by("seq").defer("output")
    waits = list(
        found.annotate(size=Func("output", function="pg_column_size", output_field=IntegerField()))[:_MOST_WAITS]
    )
    small = [wait.pk for wait in waits if whole and (wait.size or 0) <= _LARGEST_QUESTION]
    asked = {wait.pk: wait.output for wait in Transition.objects.filter(pk__in=small)}
    return Standing(run, {str(wait.pk): asked.get(wait.pk) for wait in waits})


def taking_a_form(standing: Standing) -> list[str]:
    """The ids of the waits that a form can answer, in order; none of what asks too much to be told."""
    asked = {wait_id: shown for wait_id, shown in standing.waits.items() if shown is not None}
    branches = Branch.objects.filter(execution=standing.run, status=BranchStatus.AWAITING_INPUT, wait_id__in=asked)
    found = branches.only("wait_id", "effect")
    taking = {str(branch.wait_id) for branch in found if takes_a_form(branch, asked[str(branch.wait_id)])}
    return [wait_id for wait_id in asked if wait_id in taking]
