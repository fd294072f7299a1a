"""Effect of a search step: a look into the docs of the task's agent."""

from collections.abc import Callable
from typing import Any

from docs_store.search import Owner, answer_search, parse_search
from executions.engine.run import Run


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives `{docs, time}`; it asks the database only. Vectors are left out unless they are asked for.

    Raises:
        InvalidInput: nobody can search for this.
    """
    query = parse_search({"include_embeddings": False, **effect["request"]})
    developer, owner = run.developer, Owner("agent", run.agent.pk)
    return lambda: answer_search(developer, [owner], query)
