"""What a run that goes on elsewhere takes along: which branches, and of each which part of its log.

Kept is what was finished: of a map the items that are done, of parallel arms those that are done, and of every branch
under way the steps before the one it stood at. That step is done again from its beginning, as is the chosen one.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from executions.engine.replaying.places import is_return
from executions.models import Execution, Transition
from executions.retrying.errors import NotRetryable, StillRunning, TooManyTransitions
from executions.states import TERMINAL_EXECUTION, BranchStatus, ExecutionStatus, TransitionType
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.reading.validation import parse_uuid
from tasks.programs.program import Program
from tasks.steps.base import Step

START = "start"
FAILED = "failed"
# All are copied by one statement.
MOST_TRANSITIONS = 200_000

_OPENINGS = (TransitionType.INIT, TransitionType.INIT_BRANCH)

# `last`: where it stood, for waits and answers belong to the step under way.
_BRANCHES = """
    SELECT b.id, b.parent_id, b.fork, b.status, s.first, s.last, s.newest
    FROM executions_branch b LEFT JOIN (
        SELECT branch_id, min(seq) AS first, max(seq) AS newest,
               max(seq) FILTER (WHERE type NOT IN ('wait', 'resume', 'error', 'cancelled')) AS last
        FROM executions_transition WHERE execution_id = %(run)s GROUP BY branch_id
    ) AS s ON s.branch_id = b.id
    WHERE b.execution_id = %(run)s ORDER BY b.created_at, b.id
"""
_STOOD_AT = """
    SELECT max(seq) FROM executions_transition
    WHERE execution_id = %(run)s AND branch_id = %(branch)s AND seq < %(before)s AND type NOT IN ('wait', 'resume')
"""

# The first row behind a place is of the step there, or of what it called: they are in one scope, or below it.
_LAST_OF_STEP = """
    SELECT max(t.seq) FROM executions_transition t, LATERAL (
        SELECT p.type, p.current, p.next FROM executions_transition p
        WHERE p.execution_id = %(run)s AND p.branch_id = %(branch)s AND p.seq = %(after)s) AS before
    WHERE t.execution_id = %(run)s AND t.branch_id = %(branch)s AND t.seq > %(after)s
      AND t.scope::text = before.next->>'scope_id' AND t.current->>'workflow' = before.next->>'workflow'
      AND t.current->>'step' = before.next->>'step'
"""

# Ends of bodies in branches, with the call of a workflow that they are part of.
_ENDS = """
    SELECT t.branch_id, t.current->>'workflow', (t.current->>'step')::int, t.scope
    FROM executions_transition t JOIN executions_branch b ON b.id = t.branch_id AND b.parent_id IS NOT NULL
    WHERE t.execution_id = %(run)s AND t.type = 'finish_branch'
"""
_SCOPE = "SELECT scope FROM executions_transition WHERE branch_id = %s ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A branch that the new run has too, with its log up to `cut`. One that is `is_open` finds its place again; it may
    have stood at a `fork`."""

    id: UUID
    cut: int
    is_open: bool = False
    fork: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows of the chosen step, which is not done again: those of its branch and those below behind `after`, and not
    behind `until`."""

    branches: tuple[UUID, ...]
    after: int
    until: int


@dataclass(slots=True)
class Plan:
    """What is taken along of `source`, the main branch first; nothing, when it is begun anew. `place` is the branch of
    the chosen step; `answered`: its output is given."""

    source: Execution
    point: str
    kept: list[Kept] = field(default_factory=list)
    place: UUID | None = None
    answered: Answered | None = None

    @property
    def is_from_start(self) -> bool:
        return not self.kept

    @property
    def columns(self) -> dict[str, list[Any]]:
        """For statements: ids and cuts."""
        return {"kept": [kept.id for kept in self.kept], "cuts": [kept.cut for kept in self.kept]}


@dataclass(slots=True)
class _Node:
    id: UUID
    parent_id: UUID | None
    fork: UUID | None
    status: str
    first: int | None
    last: int | None
    newest: int | None
    forks: dict[UUID, list["_Node"]] = field(default_factory=lambda: defaultdict(list))


def plan_retry(source: Execution, point: str, *, answers: bool = False) -> Plan:
    """What a new run takes along that goes on from `start`, from where it `failed`, or from the step of a transition;
    with `answers` from behind that step, whose output is given.

    Raises:
        StillRunning, NotRetryable, TooManyTransitions
        BadRequest: the output of which step is given cannot be told.
        NotFound: the run has no such transition. InvalidInput: it is no id.
    """
    if source.status not in TERMINAL_EXECUTION:
        raise StillRunning(f"The execution has not ended: it is {source.status}", extra={"status": source.status})
    if point == START:
        if answers:
            raise BadRequest("An output is that of a step: name the transition of one, or where it failed")
        return Plan(source, point)
    row = None if point == FAILED else _transition(source, point)
    if row is None and source.status == ExecutionStatus.SUCCEEDED:
        raise NotRetryable(
            "The execution has not failed; name a transition to go on from", extra={"status": "succeeded"}
        )
    if source.transition_count > MOST_TRANSITIONS:
        raise TooManyTransitions(
            f"The execution has {source.transition_count} transitions; at most {MOST_TRANSITIONS} are copied",
            fix='Retry it with {"from": "start"}',
        )
    if answers and row is not None and row.type in _OPENINGS:
        raise BadRequest("An output is that of a step; this transition begins a body")
    plan = _Planning(source).plan(row, answers=answers)
    plan.point = point
    return plan


def _transition(source: Execution, point: str) -> Transition:
    row = Transition.objects.defer("output").filter(execution=source, pk=parse_uuid(point, "from")).first()
    if row is None:
        raise NotFound("Transition not found")
    return row


def chosen_row(source: Execution, point: str) -> Transition | None:
    """A row of the step that is done again; None, when it is none in particular.

    Raises: as `plan_retry` does.
    """
    if point == START:
        return None
    if point == FAILED:
        return Transition.objects.defer("output").filter(execution=source, type=TransitionType.ERROR).first()
    return _transition(source, point)


class _Planning:
    def __init__(self, source: Execution) -> None:
        self._source = source
        self._nodes = {row[0]: _Node(*row) for row in fetch(_BRANCHES, {"run": source.pk})}
        self._kept: list[Kept] = []
        for node in self._nodes.values():
            if node.parent_id is not None and node.fork is not None:
                self._nodes[node.parent_id].forks[node.fork].append(node)

    def plan(self, row: Transition | None, *, answers: bool) -> Plan:
        main = next(node for node in self._nodes.values() if node.parent_id is None)
        cuts = {} if row is None else self._cuts_to(row)
        self._keep(main, cuts)
        place = self._failed() if row is None else row.branch_id
        [first] = [kept for kept in self._kept if kept.id == main.id]
        if answers:
            return Plan(self._source, START, self._kept, place, self._answered(place))
        if first.cut <= (main.first or 1) and first.fork is None:
            # Nothing was done before it.
            return Plan(self._source, START)
        return Plan(self._source, START, self._kept, place)

    def _answered(self, place: UUID | None) -> Answered:
        chosen = next((kept for kept in self._kept if kept.id == place), None)
        if chosen is None or not chosen.cut:
            raise NotRetryable("No step stands there that an output could be given of")
        below, waiting = [], [self._nodes[chosen.id]]
        while waiting:
            node = waiting.pop()
            below.append(node.id)
            waiting += [child for children in node.forks.values() for child in children]
        values = {"run": self._source.pk, "branch": chosen.id, "after": chosen.cut}
        until = fetch(_LAST_OF_STEP, values)[0][0]
        return Answered(tuple(below), chosen.cut, until or chosen.cut)

    def _is_done(self, node: _Node) -> bool:
        """Whether it has ended with what its step wants: a `return` would have to end all beside it again."""
        return node.status == BranchStatus.DONE and node.id not in self._returned

    @cached_property
    def _returned(self) -> set[UUID]:
        """Branches that were left by a `return`, which ended their workflow."""
        program = Program.load(self._source.task_version.program)
        if not any(step.kind == "return" for step in _steps_in_bodies(program)):
            return set()
        found: set[UUID] = set()
        for branch_id, workflow, step, scope in fetch(_ENDS, {"run": self._source.pk}):
            if is_return(program, workflow, step):
                found |= self._left_by(branch_id, scope)
        return found

    def _left_by(self, branch_id: UUID, scope: UUID) -> set[UUID]:
        """The branch and those above it that are part of the same call of a workflow."""
        found: set[UUID] = set()
        node = self._nodes[branch_id]
        while node.parent_id is not None and fetch(_SCOPE, [node.id])[0][0] == scope:
            found.add(node.id)
            node = self._nodes[node.parent_id]
        return found

    def _stood_at(self, node: _Node) -> int:
        if node.id in self._returned:
            return 0
        if node.status == BranchStatus.FAILED and node.newest is not None:
            return self._before(node.id, node.newest)
        return node.last or 0

    def _before(self, branch_id: UUID, seq: int) -> int:
        values = {"run": self._source.pk, "branch": branch_id, "before": seq}
        return fetch(_STOOD_AT, values)[0][0] or 0

    def _failed(self) -> UUID | None:
        failed = {node.id for node in self._nodes.values() if node.status == BranchStatus.FAILED}
        found = [kept for kept in self._kept if kept.is_open and kept.id in failed]
        # One that has made branches may have failed by one of them.
        return next((kept.id for kept in sorted(found, key=lambda kept: kept.fork is not None)), None)

    def _cuts_to(self, row: Transition) -> dict[UUID, int]:
        """How far the log of the row's branch is kept, and of those above it, which waited for it."""
        cuts = {row.branch_id: self._before_step(row)}
        node = self._nodes[row.branch_id]
        while node.parent_id is not None:
            node = self._nodes[node.parent_id]
            cuts[node.id] = self._before(node.id, row.seq)
        return cuts

    def _before_step(self, row: Transition) -> int:
        """The row that made its step the current one."""
        step = row.current["step"]
        if row.type in _OPENINGS:
            return row.seq
        types = _OPENINGS if step == 0 else (TransitionType.STEP,)
        of_body = Transition.objects.filter(
            execution=self._source, branch_id=row.branch_id, scope=row.scope, seq__lt=row.seq, type__in=types
        ).filter(current__workflow=row.current["workflow"], current__step=max(step - 1, 0))
        found = of_body.order_by("-seq").values_list("seq", flat=True).first()
        return 0 if found is None else int(found)

    def _keep(self, main: _Node, cuts: dict[UUID, int]) -> None:
        waiting = [main]
        while waiting:
            node = waiting.pop()
            cut = cuts[node.id] if node.id in cuts else self._stood_at(node)
            is_place = (
                bool(cuts)
                and node.id in cuts
                and not any(child.id in cuts for children in node.forks.values() for child in children)
            )
            fork = None if is_place or not cut else self._open_fork(node, cut)
            self._kept.append(Kept(node.id, cut, is_open=True, fork=fork))
            for name, children in node.forks.items():
                for child in children:
                    if name == fork and (child.id in cuts or not self._is_done(child)):
                        waiting.append(child)
                    elif child.first is not None and (name == fork or child.first <= cut):
                        self._kept += _whole(child)

    @staticmethod
    def _open_fork(node: _Node, cut: int) -> UUID | None:
        """The branches it made after its last row, if one of them began."""
        for name, children in node.forks.items():
            began = [child.first for child in children if child.first is not None]
            if began and min(began) > cut:
                return name
        return None


def _whole(node: _Node) -> Iterator[Kept]:
    """A branch that has ended, with all below it."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.newest is not None:
            yield Kept(each.id, each.newest)
            waiting += [child for children in each.forks.values() for child in children]


def _steps_in_bodies(program: Program) -> Iterator[Step]:
    waiting = [body for steps in program.workflows.values() for step in steps for body in step.blocks().values()]
    while waiting:
        for step in waiting.pop():
            yield step
            waiting += step.blocks().values()
