"""What a run that is tried again will do again outside the database, told beforehand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from executions.engine.replaying.places import steps_at
from executions.engine.run import Run
from executions.retrying.plan import Answered, Kept, Plan
from julep_project.core.database import fetch
from tasks.steps.base import Step
from tasks.steps.registry import all_kinds

# Places that are told of, and rows that are looked at for them.
MOST_PLACES = 50
_MOST_GROUPS = 2000

# Finished or failed, and not taken along.
_LEFT_BEHIND = f"""
    SELECT t.current->>'workflow', (t.current->>'step')::int, count(*)
    FROM executions_transition t LEFT JOIN unnest(%(kept)s::uuid[], %(cuts)s::int[]) AS k(id, cut) ON k.id = t.branch_id
    WHERE t.execution_id = %(source)s AND (k.id IS NULL OR t.seq > k.cut) AND t.metadata->>'step_type' = ANY(%(types)s)
      AND NOT (t.branch_id = ANY(%(answered)s::uuid[]) AND t.seq > %(after)s AND t.seq <= %(until)s)
    GROUP BY 1, 2 ORDER BY min(t.seq) LIMIT {_MOST_GROUPS}
"""
# Where branches stood that did not fail.
_UNDER_WAY = """
    SELECT t.next->>'workflow', (t.next->>'step')::int, count(*)
    FROM executions_transition t
    WHERE t.execution_id = %(source)s AND t.next IS NOT NULL AND (t.branch_id, t.seq) IN (
        SELECT * FROM unnest(%(open)s::uuid[], %(stood)s::int[]))
    GROUP BY 1, 2 LIMIT 2000
"""


@dataclass(slots=True)
class Again:
    """An effect that will be carried out again: `times` are known. `tool`: the one that the step names, or those that
    a model may call."""

    step: str
    step_label: str | None
    kind: str
    tools: tuple[str, ...]
    at_most_once: bool
    times: int

    def to_wire(self) -> dict[str, Any]:
        names = ("step", "step_label", "kind", "at_most_once", "times")
        return {**{name: getattr(self, name) for name in names}, "tools": list(self.tools)}


def effects_again(plan: Plan, run: Run) -> list[Again]:
    """The effects of `plan.source` that are done again by a run of this program."""
    found: dict[int, Again] = {}
    for workflow, number, times in _places(plan):
        for step in steps_at(run.program, workflow, number):
            if step.has_effect:
                again = found.setdefault(id(step), _described(run, step, f"{workflow}[{number}]"))
                again.times += times
    return list(found.values())


def _places(plan: Plan) -> Iterator[tuple[str, int, int]]:
    types = [kind.step_type for kind in all_kinds() if kind.has_effect]
    answered = plan.answered or Answered((), 0, 0)
    values: dict[str, Any] = {"source": plan.source.pk, "types": types, **plan.columns}
    values |= {"answered": list(answered.branches), "after": answered.after, "until": answered.until}
    yield from fetch(_LEFT_BEHIND, values)
    stood = [kept for kept in plan.kept if _stood(plan, kept)]
    values |= {"open": [kept.id for kept in stood], "stood": [kept.cut for kept in stood]}
    yield from fetch(_UNDER_WAY, values)


def _stood(plan: Plan, kept: Kept) -> bool:
    return kept.is_open and kept.fork is None and bool(kept.cut) and kept.id != plan.place


def _described(run: Run, step: Step, shown: str) -> Again:
    names = [name for _, name in step.tool_names()]
    own = {str(definition["name"]): definition for _, definition in step.own_tools()}
    if step.kind == "prompt" and getattr(step, "auto_run_tools", False) and not names and not own:
        names = [tool["name"] for tool in run.tools()]
    known = {tool["name"]: tool for tool in run.tools()} | own
    names = sorted({*names, *own})
    once = any(known.get(name, {}).get("at_most_once") is True for name in names)
    return Again(shown, step.label, step.kind, tuple(names), once, 0)
