"""Removes the runs of a task, or of all tasks of an agent, where there is too much of them for one transaction.

Those that have not ended are left to the cascade, which waits for whoever works on them.
"""

from agents.audit.verbs import ObjectKind
from agents.retention.belongings import Belonging, register, removed_together
from executions.removal.expiry import remove_runs
from executions.states import TERMINAL_EXECUTION

_OWNERS = {
    ObjectKind.TASK: "run.task_id = %(id)s",
    ObjectKind.AGENT: "run.task_id IN (SELECT id FROM tasks_task WHERE agent_id = %(id)s)",
}
_ENDED = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION))
_TRANSITIONS = """
    SELECT FROM executions_execution run JOIN executions_transition part ON part.execution_id = run.id WHERE {runs}
"""
# Their parts are removed together.
_SOME_RUNS = "SELECT id FROM executions_execution run WHERE {runs} AND status IN ({ended}) LIMIT 20"


def _of(runs: str) -> Belonging:
    parts, some = (statement.format(runs=runs, ended=_ENDED) for statement in (_TRANSITIONS, _SOME_RUNS))
    return Belonging(parts, removed_together(some, remove_runs))


def register_runs() -> None:
    """Let runs go before the tasks that they are of."""
    for kind, runs in _OWNERS.items():
        register(kind, _of(runs))
