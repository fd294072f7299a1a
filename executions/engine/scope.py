"""The names an expression may read at run time. Which names exist is decided in `tasks.language.scope`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.tools.presentation import shown_tool
from agents.tools.presets import without_values
from executions.engine import labels
from executions.engine.frame import Frame
from executions.engine.rows.journal import Journal
from executions.engine.run import Run
from executions.wire import shown_execution
from julep_project.core.clock import to_wire
from tasks.expressions.values import Lazy


def build_scope(run: Run, journal: Journal, frame: Frame, state: dict[str, Any]) -> dict[str, Any]:
    """Names and values for the frame's current step. What needs a query is lazy: it is read only when named."""
    past = Past(run, journal, frame)
    return {
        "_": frame.input,
        "inputs": StepInputs(past),
        "outputs": StepOutputs(past),
        "steps": Steps(past),
        "state": Lazy(lambda: {**journal.execution().state, **state}),
        "arguments": Lazy(lambda: journal.execution().input),
        "execution": Lazy(lambda: shown_execution(journal.execution())),
        "task": Lazy(lambda: _task(run)),
        "agent": Lazy(lambda: _agent(run)),
        "agent_tools": Lazy(lambda: [shown_tool(tool) for tool in run.agent_tools]),
        "metadata": Lazy(lambda: _metadata(run, journal)),
        "user": None,
        "session": None,
        **{name: value for name, value in frame.names.items() if name != labels.KEY},
    }


def read_ahead(scope: Mapping[str, Any], names: Iterable[str]) -> None:
    """Read now what the names will ask the database for."""
    for name in names:
        value = scope.get(name)
        if isinstance(value, Lazy):
            value.resolve()
        elif isinstance(value, _OfSteps):
            value.past.read_ahead()


class Past:
    """Finished steps of the named workflow a frame belongs to, and the input of the one that runs."""

    def __init__(self, run: Run, journal: Journal, frame: Frame) -> None:
        self._journal = journal
        self._scope = frame.scope
        self._workflow = frame.workflow
        self._labels = run.version.labels(frame.workflow)
        self.running = frame.position
        # Rows of labelled steps in bodies; a label is looked for there first.
        self.nearest = labels.visible(frame)

    def workflow_input(self) -> Any:
        return self._journal.workflow_input(self._scope, self._workflow)

    def output(self, position: int) -> Any:
        """Output of a finished step; KeyError when it has not finished."""
        return self._journal.output(self._scope, position)

    def input(self, position: int) -> Any:
        """Input of a finished step or of the running one: the output of the step before."""
        return self.workflow_input() if position == 0 else self.output(position - 1)

    def preload(self) -> None:
        self._journal.preload_outputs(self._scope)

    def row_output(self, row_id: str) -> Any:
        """Output of the labelled step in a body that ended with this row."""
        return self._journal.row_output(row_id)

    def row_input(self, row_id: str) -> Any:
        """Its input."""
        return self._journal.row_input(row_id)

    def read_ahead(self) -> None:
        """Read now what any of these could ask for later."""
        self.preload()
        self.workflow_input()
        self._journal.preload_rows(self.nearest.values())

    def position(self, key: Any, *, count: int) -> int | None:
        """Position that an index (negative ones count from the end of `count`) or a label names, or None."""
        if isinstance(key, bool) or not isinstance(key, int | str):
            return None
        if isinstance(key, str):
            reached = [position for position in self._labels.get(key, ()) if position < count]
            return reached[-1] if reached else None
        place = key + count if key < 0 else key
        return place if 0 <= place < count else None


class _OfSteps(ABC):
    """Something of each step, by index or label."""

    def __init__(self, past: Past) -> None:
        self.past = past

    @abstractmethod
    def at(self, position: int) -> Any:
        """That of one step."""

    @abstractmethod
    def of_row(self, row_id: str) -> Any:
        """That of a labelled step in a body."""

    def length(self) -> int:
        """Finished steps and the running one."""
        return self.past.running + 1

    def get_item(self, key: Any) -> Any:
        if isinstance(key, str) and key in self.past.nearest:
            return self.of_row(self.past.nearest[key])
        position = self.past.position(key, count=self.length())
        if position is None:
            raise KeyError(key)
        return self.at(position)

    def get_attribute(self, name: str) -> Any:
        return self.get_item(name)

    def iterate(self) -> Iterator[Any]:
        self.past.preload()
        return (self.at(position) for position in range(self.length()))

    def to_json(self) -> Any:
        return list(self.iterate())


class StepOutputs(_OfSteps):
    """`outputs[n]`, `outputs['label']`: finished steps only."""

    def at(self, position: int) -> Any:
        return self.past.output(position)

    def of_row(self, row_id: str) -> Any:
        return self.past.row_output(row_id)

    def length(self) -> int:
        return self.past.running


class StepInputs(_OfSteps):
    """`inputs[n]`, `inputs['label']`: input of that step; any other key reads the workflow's own input."""

    def at(self, position: int) -> Any:
        return self.past.input(position)

    def of_row(self, row_id: str) -> Any:
        return self.past.row_input(row_id)

    def get_item(self, key: Any) -> Any:
        if not isinstance(key, str) or key in self.past.nearest:
            return super().get_item(key)
        if self.past.position(key, count=self.length()) is not None:
            return super().get_item(key)
        whole = self.past.workflow_input()
        if not isinstance(whole, dict):
            raise KeyError(key)
        return whole[key]

    def get_attribute(self, name: str) -> Any:
        whole = self.past.workflow_input()
        if not isinstance(whole, dict):
            raise AttributeError(name)
        return whole[name]


class Steps(_OfSteps):
    """`steps[n]`, `steps['label']`: `{input, output}`; the running step has `input` only."""

    def at(self, position: int) -> Any:
        return StepView(self.past, position)

    def of_row(self, row_id: str) -> Any:
        return RowView(self.past, row_id)

    def to_json(self) -> Any:
        return [step.to_json() for step in self.iterate()]


class _View(ABC):
    """One step of `steps`; input and output are read when asked for."""

    def __init__(self, past: Past) -> None:
        self._past = past

    @abstractmethod
    def keys(self) -> list[str]:
        """`input`, and `output` once the step has finished."""

    @abstractmethod
    def of(self, key: str) -> Any:
        """What stands under one of the keys."""

    def get_item(self, key: Any) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return self.of(key)

    def get_attribute(self, name: str) -> Any:
        return self.get_item(name)

    def length(self) -> int:
        return len(self.keys())

    def iterate(self) -> Iterator[Any]:
        """The keys, as a mapping does."""
        return iter(self.keys())

    def to_json(self) -> Any:
        return {key: self.of(key) for key in self.keys()}


class StepView(_View):
    """A step of the workflow itself."""

    def __init__(self, past: Past, position: int) -> None:
        super().__init__(past)
        self._position = position

    def keys(self) -> list[str]:
        return ["input", "output"] if self._position < self._past.running else ["input"]

    def of(self, key: str) -> Any:
        return self._past.input(self._position) if key == "input" else self._past.output(self._position)


class RowView(_View):
    """A labelled step of a body."""

    def __init__(self, past: Past, row_id: str) -> None:
        super().__init__(past)
        self._row_id = row_id

    def keys(self) -> list[str]:
        return ["input", "output"]

    def of(self, key: str) -> Any:
        return self._past.row_input(self._row_id) if key == "input" else self._past.row_output(self._row_id)


def _task(run: Run) -> dict[str, Any]:
    task = run.task
    return {
        "id": str(task.id),
        "name": task.name,
        "canonical_name": task.canonical_name,
        "description": task.description,
        "metadata": without_values(task.metadata),
        "inherit_tools": run.version.inherit_tools,
        "input_schema": run.version.input_schema,
        "tools": [shown_tool(tool) for tool in run.version.tools],
        "created_at": to_wire(task.created_at),
        "updated_at": to_wire(task.updated_at),
    }


def _agent(run: Run) -> dict[str, Any]:
    agent = run.agent
    return {
        "id": str(agent.id),
        "name": agent.name,
        "canonical_name": agent.canonical_name,
        "about": agent.about,
        "model": agent.model,
        "instructions": agent.instructions,
        "default_settings": agent.default_settings,
        "default_system_template": agent.default_system_template,
        "metadata": without_values(agent.metadata),
        "project": agent.project.canonical_name,
        "created_at": to_wire(agent.created_at),
        "updated_at": to_wire(agent.updated_at),
    }


def _metadata(run: Run, journal: Journal) -> dict[str, Any]:
    """Execution over task over agent."""
    return without_values({**run.agent.metadata, **run.task.metadata, **journal.execution().metadata})
