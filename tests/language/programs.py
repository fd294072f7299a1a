"""Short ways to compile a program in a test and to look at what came out."""

from typing import Any

import pytest

from tasks.programs.compile import CompiledTask, InvalidTaskBody, InvalidTaskSpec, compile_task
from tasks.programs.program import Program
from tasks.steps.base import Step

DOLLAR_MARK: dict[str, Any] = {"evaluate": {"mark": "$ 1"}}


def compiled(*main: Any, dialect: str | None = None, **task: Any) -> CompiledTask:
    """The task with these steps. `dialect="dollar"` adds a last step with a `$ `, if nothing else has one."""
    steps = [*main, DOLLAR_MARK] if dialect == "dollar" else list(main)
    result = compile_task({"main": steps, **task}, agent_tools={"web_search": "function"})
    if dialect is not None:
        assert result.dialect == dialect
    return result


def stored(*main: Any, dialect: str | None = None, **task: Any) -> list[dict[str, Any]]:
    """The stored steps of `main`, which must survive loading."""
    result = compiled(*main, dialect=dialect, **task)
    assert Program.load(result.program).dump() == result.program
    steps: list[dict[str, Any]] = result.program["workflows"]["main"]
    return steps[:-1] if dialect == "dollar" else steps


def step(raw: Any, *, dialect: str | None = None, **task: Any) -> Step:
    """One loaded step, ready to run."""
    return Program.load(compiled(raw, dialect=dialect, **task).program).workflows["main"][0]


def details(*main: Any, **task: Any) -> list[dict[str, Any]]:
    """The 422 rows of a body that must be refused for its shape."""
    with pytest.raises(InvalidTaskBody) as refused:
        compiled(*main, **task)
    return refused.value.details


def issues(*main: Any, **task: Any) -> list[dict[str, Any]]:
    """The 400 issues of a body that must be refused for its content."""
    with pytest.raises(InvalidTaskSpec) as refused:
        compiled(*main, **task)
    return refused.value.issues
