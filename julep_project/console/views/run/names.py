"""What the expressions of a step could read."""

from typing import Any

from agents.models import Agent
from agents.tools.presets import without_values
from executions.engine.contents import Contents
from executions.models import Execution, Transition
from julep_project.console.queries.log import MOST_STEPS, finished_steps, run_values, step_input
from tasks.language.scope import RUNTIME_NAMES
from tasks.models import Task

# Of the last of the steps that had finished.
_SELF_EXPLANATORY = ("inputs", "steps")


def names_at(run: Execution, row: Transition) -> dict[str, Any]:
    """The names with the types and sizes of their values, and how each is asked for: by `of`, of the row `seq`."""
    steps, given, whole = finished_steps(row), step_input(row), run_values(run.pk)
    values = {
        "_": given and {**given, "of": "input", "seq": row.seq},
        "arguments": {**whole, "of": "input", "seq": 0},
        "state": {"type": "object", "size": whole["state_size"], "of": "state", "seq": 0, "is_of_now": True},
        "metadata": {"type": "object", "of": "metadata", "seq": 0, "is_of_now": True},
    }
    names = [
        {"name": name, "what": what.replace("`", ""), **(values.get(name) or {})}
        for name, what in RUNTIME_NAMES.items()
        if name not in _SELF_EXPLANATORY
    ]
    return {"names": names, "steps": steps, "most": MOST_STEPS}


def value_of_run(run: Execution, which: str) -> dict[str, Any]:
    """The store of a run, or the metadata that counts for it, as they are now."""
    if which == "state":
        state = Execution.objects.values_list("state", flat=True).get(pk=run.pk)
        return Contents(run.pk).unpack_state(state)
    task = Task.objects.get(pk=run.task_id)
    agent = Agent.objects.get(pk=task.agent_id)
    return without_values({**agent.metadata, **task.metadata, **run.metadata})
