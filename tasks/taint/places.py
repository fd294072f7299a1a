"""What is known, while a program is looked at, of what stands where: inputs and outputs of steps, and the store."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from agents.policy.sources import NOWHERE
from tasks.expressions.names_of_keys import meant_by
from tasks.language.scope import PLACE_NAMES, RUNTIME_NAMES
from tasks.language.values import ExpressionValue, ListValue, Literal, ObjectValue, Value
from tasks.steps.base import Step
from tasks.taint.content import ANSWERS, ANYWHERE, EMPTY, INPUT, Content, either, opaque
from tasks.taint.reads import Key as Written
from tasks.taint.reads import Read, Reads, reads_of_expression, reads_of_template

Key = TypeVar("Key")
# A step: the body it is in, as the engine names it, and its index there.
Place = tuple[str | int, ...]
ReadsOf = Callable[[str], Reads]
_OF_RUN = Content(frozenset({INPUT}))
_OF_ANYTHING = Content(ANYWHERE)
# Of a run, what the server itself sets.
_SERVERS = frozenset({"id", "task_id", "status", "created_at", "updated_at"})
# What the authors of the agent and the task say, and what is null.
_OF_AUTHOR = frozenset({"agent", "agent_tools", "task", "secrets", "user", "session"})
_OF_OTHERS = (RUNTIME_NAMES.keys() | PLACE_NAMES.keys()) - _OF_AUTHOR
# Processor time of the thread after which no more is looked at, and everything is of anywhere.
MOST_SECONDS = 1.0


class TooLong(Exception):
    """It takes too long to find out where everything comes from."""


@dataclass
class Store:
    """Contents by place; those of all places of a workflow, and of the whole store, together, so that a read of all
    costs no more than a read of one. They only ever grow, so that looking again comes to an end."""

    inputs: dict[Place, Content] = field(default_factory=dict)
    outputs: dict[Place, Content] = field(default_factory=dict)
    state: dict[str, Content] = field(default_factory=dict)
    all_inputs: dict[str, Content] = field(default_factory=dict)
    all_outputs: dict[str, Content] = field(default_factory=dict)
    all_state: dict[str, Content] = field(default_factory=dict)
    called_with: dict[str, Content] = field(default_factory=dict)
    results: dict[str, Content] = field(default_factory=dict)
    seen_in: dict[str, Content] = field(default_factory=dict)
    has_grown: bool = False
    # What expressions and templates read, by their texts.
    reads: dict[tuple[ReadsOf, str], Reads] = field(default_factory=dict)
    began: float = field(default_factory=time.thread_time)

    def check_clock(self) -> None:
        """Raises TooLong when the time is over."""
        if time.thread_time() - self.began > MOST_SECONDS:
            raise TooLong

    def reads_of(self, of: ReadsOf, source: str) -> Reads:
        """What a text reads, found out once."""
        if (of, source) not in self.reads:
            self.reads[of, source] = of(source)
        return self.reads[of, source]

    def grow(self, table: dict[Key, Content], key: Key, found: Content) -> Content:
        """Add what was found there. Gives all that may be there."""
        known = table.get(key, EMPTY)
        whole = known.beside(found)
        if whole != known:
            table[key] = whole
            self.has_grown = True
        return whole

    def pass_on(self, place: Place, given: Content) -> Content:
        """Add the input of a step."""
        self.grow(self.all_inputs, str(place[0]), opaque(given))
        return self.grow(self.inputs, place, given)

    def give(self, place: Place, found: Content) -> Content:
        """Add the output of a step."""
        self.grow(self.all_outputs, str(place[0]), opaque(found))
        return self.grow(self.outputs, place, found)

    def keep(self, key: str, found: Content) -> None:
        """Add what is stored under a key."""
        self.grow(self.all_state, "", opaque(found))
        self.grow(self.state, key, found)


@dataclass(frozen=True)
class Scope:
    """What a step of a workflow may read. `position`: that of the step of the workflow which it is, or is in."""

    store: Store
    workflow: str
    position: int
    labels: Mapping[str, list[Place]]
    input: Content
    names: Mapping[str, Content] = field(default_factory=dict)

    def of_value(self, value: Value | None, **names: Content) -> Content:
        """What the value may hold once it is evaluated; `names` are in scope too."""
        if names:
            scope = Scope(self.store, self.workflow, self.position, self.labels, self.input, {**self.names, **names})
            return scope.of_value(value)
        match value:
            case None:
                return self.input
            case Literal(value=literal):
                return Content(NOWHERE, dict.fromkeys(literal, NOWHERE)) if isinstance(literal, dict) else EMPTY
            case ObjectValue(items=items):
                keys = {key: self.of_value(item).sources for key, item in items}
                return Content(NOWHERE.union(*keys.values()), keys)
            case ListValue(items=parts):
                return opaque(*map(self.of_value, parts))
            case ExpressionValue(expression=expression):
                return self._of_expression(expression.source)
        reads_of = self.store.reads_of
        read = [each for _, one in value.expressions() for each in reads_of(reads_of_expression, one.source).all]
        read += [each for template in value.templates() for each in reads_of(reads_of_template, template.source).all]
        return opaque(*map(self._of_read, read))

    def _of_expression(self, source: str) -> Content:
        reads = self.store.reads_of(reads_of_expression, source)
        if reads.passes_on is not None:
            return self._of_read(reads.passes_on)
        whole = opaque(*map(self._of_read, reads.all))
        if reads.keys is None:
            return whole
        return Content(whole.sources, {key: opaque(*map(self._of_read, own)).sources for key, own in reads.keys})

    def _of_read(self, read: Read) -> Content:
        self.store.check_clock()
        found, keys = self._of_name(read.name, read.keys)
        for key in keys:
            found = found.at(key)
        return found

    def _of_name(self, name: str, keys: tuple[Written, ...]) -> tuple[Content, tuple[Written, ...]]:
        """What a name stands for, and the keys below it that are left."""
        if name in self.names:
            return self.names[name], keys
        match name:
            case "_":
                return self.input, keys
            case "arguments" | "metadata":
                return _OF_RUN, ()
            case "execution":
                return (Content() if keys[:1] and keys[0] in _SERVERS else _OF_ANYTHING), ()
            case "inputs":
                whole = opaque(self._all(self.store.all_inputs), self._called_with)
                return self._of_steps(keys, self._input_of, whole, count=self.position + 1, else_input=True)
            case "outputs":
                return self._of_steps(keys, self._output_of, self._all(self.store.all_outputs), count=self.position)
            case "steps":
                return self._of_views(keys)
            case "state":
                if keys and isinstance(keys[0], str):
                    return either(self.store.state.get(key, EMPTY) for key in meant_by(keys[0])), keys[1:]
                return self.store.all_state.get("", EMPTY), ()
        # Whatever else a step may read; there is nothing under other names, or a variable that is made of what is read.
        return (_OF_ANYTHING if name in _OF_OTHERS else EMPTY), ()

    def _of_views(self, keys: tuple[Written, ...]) -> tuple[Content, tuple[Written, ...]]:
        of = {"input": self._input_of, "output": self._output_of}.get(str(keys[1])) if len(keys) > 1 else None
        if of is not None:
            found, _ = self._of_steps(keys[:1], of, self._of_all_steps, count=self.position + 1)
            return found, keys[2:]
        found, _ = self._of_steps(keys[:1], self._both_of, self._of_all_steps)
        return found, ()

    @property
    def _of_all_steps(self) -> Content:
        return opaque(self._all(self.store.all_inputs), self._all(self.store.all_outputs))

    def _all(self, table: Mapping[str, Content]) -> Content:
        return table.get(self.workflow, EMPTY)

    def _of_steps(
        self,
        keys: tuple[Written, ...],
        of: Callable[[Place], Content],
        whole: Content,
        *,
        count: int | None = None,
        else_input: bool = False,
    ) -> tuple[Content, tuple[Written, ...]]:
        """What steps of the workflow have, by index or label, else the `whole` of it. `count`: how many are counted
        from, for negative ones."""
        match keys:
            case (int() as index, *_) if count is not None:
                place = (self.workflow, index if index >= 0 else index + count)
                return of(place), keys[1:]
            case (str() as label, *_) if label in self.labels:
                found = either(map(of, self.labels[label]))
                # A label of a step that has not run is a key of the input.
                return (found.beside(self._called_with.at(label)) if else_input else found), keys[1:]
            case (str(), *_) if else_input:
                return self._called_with, keys
        return opaque(whole), ()

    @property
    def _called_with(self) -> Content:
        return self.store.called_with.get(self.workflow, EMPTY)

    def _both_of(self, place: Place) -> Content:
        return opaque(self._input_of(place), self._output_of(place))

    def _input_of(self, place: Place) -> Content:
        return self.store.inputs.get(place, EMPTY)

    def _output_of(self, place: Place) -> Content:
        return self.store.outputs.get(place, EMPTY)


def labels_of(workflow: str, steps: tuple[Step, ...]) -> dict[str, list[Place]]:
    """Places of the labelled steps of a workflow, at any depth."""
    found: dict[str, list[Place]] = {}
    stack: list[tuple[Place, tuple[Step, ...]]] = [((workflow,), steps)]
    while stack:
        path, body = stack.pop()
        for index, step in enumerate(body):
            if step.label is not None:
                found.setdefault(step.label, []).append((*path, index))
            stack += [((*path, index, key), below) for key, below in step.blocks().items()]
    return found


OF_PERSON = Content(frozenset({ANSWERS}))
