"""Finds steps of a program by what the log calls the bodies they are in."""

from tasks.programs.program import Program
from tasks.steps.base import Step

_PARALLEL = "PAR:"


def steps_at(program: Program, workflow: str, step: int) -> list[Step]:
    """The steps that a row of the log may mean: several where bodies of one step are called alike, none where the
    program has no such place."""
    return [body[step] for body in _bodies(program, workflow) if 0 <= step < len(body)]


def is_return(program: Program, workflow: str, step: int) -> bool:
    """Whether a body that ended at this step was left by a `return`."""
    return any(found.kind == "return" for found in steps_at(program, workflow, step))


def _bodies(program: Program, name: str) -> list[tuple[Step, ...]]:
    """A body is called by its workflow, or `` `outer`[place].body ``."""
    name = name.removeprefix(_PARALLEL)
    if not name.startswith("`"):
        body = program.workflows.get(name)
        return [] if body is None else [body]
    outer, _, place = name[1:].rpartition("`[")
    number, _, suffix = place.partition("].")
    if not number.isdecimal():
        return []
    return [body for step in steps_at(program, outer, int(number)) for body in _called(step, suffix)]


def _called(step: Step, suffix: str) -> list[tuple[Step, ...]]:
    bodies = step.blocks()
    exact = [body for key, body in bodies.items() if suffix == key or suffix.endswith(f".{key}")]
    return exact or list(bodies.values())
