"""What already happened in a run, read from its log, with the rows of the running slice on top."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from executions.blobs import stored_size
from executions.engine.contents import Contents
from executions.engine.draft import TransitionDraft
from executions.engine.limits import check_gathered
from executions.models import Execution, LoopItem, Transition, answers_to
from executions.states import TransitionType
from julep_project.core.clock import to_wire

_ITEM_WINDOW = 200
_OPENINGS = (TransitionType.INIT, TransitionType.INIT_BRANCH)


class Journal:
    """Read-only view of one execution. Nothing is read before it is asked for; what was read is kept for the slice."""

    def __init__(self, execution_id: UUID, branch_id: UUID, drafts: list[TransitionDraft], contents: Contents) -> None:
        self._execution_id = execution_id
        self._branch_id = branch_id
        self._drafts = drafts
        self._contents = contents
        self._outputs: dict[tuple[str, int], Any] = {}
        self._rows_by_id: dict[str, dict[str, Any]] = {}
        self._items: dict[tuple[str, int], Any] = {}
        self._workflow_inputs: dict[tuple[str, str], Any] = {}
        self._execution: Execution | None = None

    def add_items(self, loop: str, items: list[Any]) -> None:
        """Make the items of a loop started in this slice readable before they are stored."""
        self._items.update({(loop, index): item for index, item in enumerate(items)})

    def execution(self) -> Execution:
        """The run's row with its values, as it stood when first asked for. Nobody writes it back."""
        if self._execution is None:
            self._execution = Execution.objects.get(pk=self._execution_id)
            self._execution.state = self._contents.unpack_state(self._execution.state)
        return self._execution

    def open_branches(self) -> int:
        """How many branches of the run have not ended and do not wait for their children."""
        counted = Execution.objects.filter(pk=self._execution_id).values_list("runnable", "open_waits")
        return sum(counted.get())

    def workflow_input(self, scope: str, workflow: str) -> Any:
        """What the named workflow of this scope was started with: the output of its opening row."""
        for draft in self._drafts:
            if draft.scope == scope and draft.type in _OPENINGS and draft.current["workflow"] == workflow:
                return draft.output
        key = (scope, workflow)
        if key not in self._workflow_inputs:
            opening = self._rows().filter(scope=scope, type__in=_OPENINGS, current__workflow=workflow)
            self._workflow_inputs[key] = opening.order_by("seq").values_list("output", flat=True).first()
        return self._workflow_inputs[key]

    def output(self, scope: str, position: int) -> Any:
        """Output of a finished step.

        Raises:
            KeyError: the step has not finished.
        """
        key = (scope, position)
        for draft in self._drafts:
            if draft.position == position and draft.scope == scope:
                return draft.output
        if key not in self._outputs:
            found = list(self._rows().filter(scope=scope, position=position).values_list("output", flat=True)[:1])
            if not found:
                raise KeyError(position)
            self._outputs[key] = found[0]
        return self._outputs[key]

    def preload_outputs(self, scope: str) -> None:
        """Read all outputs of the scope with one query, for an expression that walks over them."""
        rows = self._rows().filter(scope=scope, position__isnull=False).values_list("position", "output")
        self._outputs.update({(scope, position): output for position, output in rows})

    def row_output(self, row_id: str) -> Any:
        """Output of the step that ended with this row."""
        draft = next((draft for draft in self._drafts if str(draft.id) == row_id), None)
        return self._row(row_id)["output"] if draft is None else draft.output

    def row_input(self, row_id: str) -> Any:
        """Input of the step that ended with this row: what the row before it says in the same body."""
        place = next((place for place, draft in enumerate(self._drafts) if str(draft.id) == row_id), None)
        if place is None:
            row = self._row(row_id)
            current = row["current"]
            earlier = self._rows().filter(branch_id=row["branch_id"], seq__lt=row["seq"])
        else:
            current = self._drafts[place].current
            earlier = self._rows().filter(branch_id=self._branch_id)
        # A call of a workflow has a row of its own, and below it the same body may be run again.
        step = max(current["step"] - 1, 0)
        types = _OPENINGS if current["step"] == 0 else (TransitionType.STEP,)
        before = {**current, "step": step}
        for draft in reversed(self._drafts[: place or 0]):
            if draft.type in types and draft.current == before:
                return draft.output
        of_body = earlier.filter(scope=current["scope_id"], current__workflow=current["workflow"])
        found = of_body.filter(type__in=types, current__step=step).order_by("-seq")
        return found.values_list("output", flat=True)[:1].get()

    def preload_rows(self, row_ids: Iterable[str]) -> None:
        """Read these rows with one query."""
        wanted = [row_id for row_id in row_ids if row_id not in self._rows_by_id]
        if wanted:
            found = self._rows().filter(pk__in=wanted).values("id", "branch_id", "seq", "current", "output")
            self._rows_by_id.update({str(row["id"]): row for row in found})

    def _row(self, row_id: str) -> dict[str, Any]:
        self.preload_rows([row_id])
        return self._rows_by_id[row_id]

    def item(self, loop: str, index: int) -> Any:
        """One item of a loop; neighbours are read along, so that a slice of many turns asks once."""
        if (loop, index) not in self._items:
            window = LoopItem.objects.filter(loop=loop, index__gte=index, index__lt=index + _ITEM_WINDOW)
            self._items.update({(loop, place): value for place, value in window.values_list("index", "value")})
        return self._items[loop, index]

    def loop_results(self, loop: str) -> list[Any]:
        """Outputs of the loop's finished turns, in order.

        Raises:
            OutputTooLarge: they are more than a step may gather.
        """
        stored = self._rows().filter(loop=loop)
        drafts = [draft for draft in self._drafts if draft.loop == loop]
        size = stored_size(stored) + sum(len(draft.output_text) for draft in drafts)
        check_gathered(size, "the outputs of the turns")
        outputs = stored.order_by("seq").values_list("output", flat=True)
        return [*outputs, *(draft.output for draft in drafts)]

    def answers(self, wait_id: str | None) -> list[Any]:
        """What was answered to a wait with a quorum so far, by whom and when, in order.

        Raises:
            OutputTooLarge: they are more than a step may gather.
        """
        if wait_id is None:
            return []
        rows = answers_to(self._execution_id, wait_id)
        check_gathered(stored_size(rows), "the answers")
        found = rows.order_by("seq").values_list("output", "metadata__resumed_by", "created_at")
        return [{"answer": output, "by": who, "at": to_wire(at)} for output, who, at in found]

    def _rows(self) -> Any:
        return Transition.objects.filter(execution_id=self._execution_id)
