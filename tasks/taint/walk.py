"""Follows content through a program, from step to step, until nothing new is found.

What is found is too much rather than too little: a value is of everything it may be made of on some path, and what a
loop or a call of a workflow gives is looked at again until it stays the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, singledispatchmethod
from typing import Any

from agents.policy.sources import NOWHERE, OF_DOCS, SOURCES, Sources
from tasks.language.values import Literal, ObjectValue, Value
from tasks.programs.program import Program
from tasks.steps.base import Step
from tasks.steps.kinds.calls.embed import Embed
from tasks.steps.kinds.calls.prompt import Prompt
from tasks.steps.kinds.calls.search import Search
from tasks.steps.kinds.calls.tool_call import ToolCall
from tasks.steps.kinds.emit import Emit
from tasks.steps.kinds.error import Error
from tasks.steps.kinds.evaluate import Evaluate
from tasks.steps.kinds.foreach import Foreach
from tasks.steps.kinds.get import Get
from tasks.steps.kinds.if_else import IfElse
from tasks.steps.kinds.log import Log
from tasks.steps.kinds.map_reduce import MapReduce
from tasks.steps.kinds.parallel import Parallel
from tasks.steps.kinds.return_ import Return
from tasks.steps.kinds.set import Set
from tasks.steps.kinds.sleep import Sleep
from tasks.steps.kinds.switch import Switch
from tasks.steps.kinds.try_ import Try
from tasks.steps.kinds.wait_for_event import WaitForEvent
from tasks.steps.kinds.wait_for_input import WaitForInput
from tasks.steps.kinds.while_ import While
from tasks.steps.kinds.yield_ import Yield
from tasks.taint.content import ANYWHERE, EMPTY, INPUT, Content, either, opaque
from tasks.taint.places import OF_PERSON, Place, Scope, Store, TooLong, labels_of

# So often a program is looked at in which nothing is handed on, and for each workflow twice more; if there is still
# something new, everything is of anywhere.
_MOST_PASSES = 12
_FROM_ANYWHERE = Content(ANYWHERE)
_FROM_DOCS = Content(OF_DOCS)
# Anybody may have recorded an event: a program of the developer, another run, or a hook that was sent it from outside.
_FROM_EVENTS = Content(frozenset(SOURCES))

# Sources of what a tool gives; told by its body, or of one that nothing is known of by None.
SourcesOfTool = Callable[[Mapping[str, Any] | None], Sources]


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools a program may call, by name, and where their results come from."""

    by_name: Mapping[str, Mapping[str, Any]]
    sources_of: SourcesOfTool

    def named(self, name: str) -> list[Mapping[str, Any]]:
        """The tool of that name, and those of the server that it stands for."""
        found = [self.by_name[name]] if name in self.by_name else []
        return [*found, *(tool for tool in self.by_name.values() if _is_of(tool, name))]


def _is_of(tool: Mapping[str, Any], server: str) -> bool:
    spec = tool.get(str(tool.get("type")))
    return isinstance(spec, Mapping) and spec.get("of_tool") == server


@dataclass(frozen=True, slots=True)
class Reached:
    """A call that a program may make. `arguments` are the sources of each, of a call that stands in it; any others
    have `sources`. A model makes the call without: `sources` are `read_by_model` and `results` of tools together, which
    stand under the names it calls them by. `asked`: on every way there a person has answered a wait. `literals` are
    arguments that stand in the program as they are."""

    place: Place
    location: str
    tool: Mapping[str, Any]
    sources: Sources
    arguments: Mapping[str, Sources] | None = None
    read_by_model: Sources = NOWHERE
    results: Mapping[str, Sources] = field(default_factory=dict)
    asked: bool = False
    literals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _At:
    """Where the walk is."""

    path: Place
    location: str
    workflow: str
    labels: Mapping[str, list[Place]]
    names: Mapping[str, Content] = field(default_factory=dict)
    position: int | None = None


def reached_calls(program: Program, tools: Tools) -> list[Reached]:
    """Every call of a tool that the program may make, with where what it depends on comes from."""
    walk = _Walk(program, tools)
    try:
        for number in range(_MOST_PASSES + 2 * len(program.workflows)):
            if not walk.pass_once(is_backwards=bool(number % 2)):
                return walk.reached
    except TooLong:
        pass
    return [_anywhere(call) for call in walk.all_there_are()]


def _anywhere(call: Reached) -> Reached:
    """The call as one that depends on everything."""
    arguments: dict[str, Sources] | None = None if call.arguments is None else {}
    return replace(call, sources=ANYWHERE, arguments=arguments, read_by_model=ANYWHERE)


def _literals(arguments: Value | None) -> dict[str, Any]:
    """The arguments of a step that are not evaluated, by name."""
    if isinstance(arguments, Literal) and isinstance(arguments.value, dict):
        return arguments.value
    items = arguments.items if isinstance(arguments, ObjectValue) else ()
    return {name: value.value for name, value in items if isinstance(value, Literal)}


class _Walk:
    def __init__(self, program: Program, tools: Tools) -> None:
        self._program = program
        self._tools = tools
        self._store = Store()
        self._labels = {name: labels_of(name, steps) for name, steps in program.workflows.items()}
        self._store.called_with["main"] = Content(frozenset({INPUT}))
        # A workflow that is called after a person has answered, wherever it is called.
        self._asked: dict[str, bool] = {"main": False}
        self._asked_after: dict[str, bool] = {}
        self._is_asked = False
        self._is_blind = False
        self._is_asked_if_returned = True
        self._seen = EMPTY
        self.reached: list[Reached] = []

    def all_there_are(self) -> list[Reached]:
        """The calls of all workflows, without a look at what they depend on."""
        self._is_blind = True
        self._asked = dict.fromkeys(self._program.workflows, False)
        self.pass_once()
        return self.reached

    def pass_once(self, *, is_backwards: bool = False) -> bool:
        """Look at all that may run once more. Whether anything was new. Where workflows call those after them, what is
        given to these is known after one pass, and what they give back after one backwards."""
        self._store.has_grown, self.reached = False, []
        names = list(self._program.workflows)
        for name in reversed(names) if is_backwards else names:
            if name not in self._asked:
                continue
            at = _At((name,), f"workflows.{name}.steps", name, self._labels[name])
            self._is_asked, self._seen, self._is_asked_if_returned = self._asked[name], EMPTY, True
            given = self._store.called_with.get(name, EMPTY)
            self._store.grow(self._store.results, name, self._body(self._program.workflows[name], given, at, True))
            self._store.grow(self._store.seen_in, name, opaque(self._seen))
            self._note(self._asked_after, name, self._is_asked and self._is_asked_if_returned)
        return self._store.has_grown

    def _note(self, table: dict[str, bool], name: str, asked: bool) -> None:
        """Only what holds on every way is so."""
        known = table.get(name)
        table[name] = asked if known is None else known and asked
        self._store.has_grown |= table[name] != known

    def _body(self, steps: tuple[Step, ...], given: Content, at: _At, is_workflow: bool = False) -> Content:
        """The output of a body with this input."""
        for index, step in enumerate(steps):
            if not self._is_blind:
                self._store.check_clock()
            place = (*at.path, index)
            is_list = is_workflow or len(steps) > 1
            location = f"{at.location}[{index}]" if is_list else at.location
            position = index if at.position is None else at.position
            here = _At(place, location, at.workflow, at.labels, at.names, position)
            given = self._store.give(place, self._step(step, self._store.pass_on(place, given), here))
            self._see(given)
        return given

    def _see(self, content: Content) -> None:
        self._seen = opaque(self._seen, content)

    def _below(self, step: Step, key: str, given: Content, at: _At, **names: Content) -> Content:
        """The output of a body of the step; its input, if there is none. Nothing that happens in it is sure to."""
        steps = step.blocks().get(key, ())
        inner = _At(
            (*at.path, key),
            f"{at.location}.{step.body_location(key)}",
            at.workflow,
            at.labels,
            {**at.names, **names},
            at.position,
        )
        return self._body(steps, given, inner) if steps else given

    def _arms(self, arms: Iterator[Callable[[], Content]], *, is_any: bool = False) -> Content:
        """One of several bodies, or all of them beside each other. A person has answered if in each, or in any."""
        before, answered, found = self._is_asked, [], []
        for arm in arms:
            self._is_asked = before
            found.append(arm())
            answered.append(self._is_asked)
        self._is_asked = before or (bool(answered) and (any(answered) if is_any else all(answered)))
        return either(found)

    def _maybe(self, body: Callable[[], Content]) -> Content:
        """A body that may run, or not."""
        before = self._is_asked
        found = body()
        self._is_asked = before
        return found

    def _scope(self, given: Content, at: _At) -> Scope:
        return Scope(self._store, at.workflow, at.position or 0, at.labels, given, at.names)

    def _value(self, value: Value | None, given: Content, at: _At, **names: Content) -> Content:
        found = _FROM_ANYWHERE if self._is_blind else self._scope(given, at).of_value(value, **names)
        self._see(found)
        return found

    # -- kinds of steps --------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _step(self, step: Step, given: Content, at: _At) -> Content:
        """The output of a step. Of a kind that is not known here it is made of all that it reads, and is in."""
        read = [self._value(place.value, given, at) for place in step.places()]
        bodies = [self._maybe(partial(self._below, step, key, given, at)) for key in step.blocks()]
        return opaque(given, *read, *bodies)

    @_step.register(Log)
    @_step.register(Sleep)
    def _passed_on(self, step: Log | Sleep, given: Content, at: _At) -> Content:
        return given

    @_step.register
    def _evaluate(self, step: Evaluate, given: Content, at: _At) -> Content:
        return self._value(step.values, given, at)

    @_step.register(Embed)
    @_step.register(Emit)
    def _made_of_values(self, step: Embed | Emit, given: Content, at: _At) -> Content:
        return opaque(*(self._value(place.value, given, at) for place in step.places()))

    @_step.register
    def _search(self, step: Search, given: Content, at: _At) -> Content:
        return _FROM_DOCS

    @_step.register
    def _error(self, step: Error, given: Content, at: _At) -> Content:
        return opaque(self._value(step.text, given, at))

    @_step.register
    def _return(self, step: Return, given: Content, at: _At) -> Content:
        found = self._value(step.value, given, at)
        self._store.grow(self._store.results, at.workflow, found)
        self._is_asked_if_returned &= self._is_asked
        return EMPTY

    @_step.register
    def _get(self, step: Get, given: Content, at: _At) -> Content:
        keys = [step.key] if isinstance(step.key, str) else step.key
        found = {key: self._store.state.get(key, EMPTY) for key in keys}
        if isinstance(step.key, str):
            return found[step.key]
        whole = opaque(*found.values())
        return Content(whole.sources, {key: content.sources for key, content in found.items()})

    @_step.register
    def _set(self, step: Set, given: Content, at: _At) -> Content:
        output = EMPTY
        for value in (step.values, step.increment, step.append):
            if value is None:
                continue
            found = self._value(value, given, at)
            output = output.beside(found)
            for key, sources in (found.keys or {}).items():
                self._store.keep(key, Content(sources))
        return output

    @_step.register
    def _tool_call(self, step: ToolCall, given: Content, at: _At) -> Content:
        found = self._value(step.arguments, given, at)
        tool = self._tools.by_name.get(step.tool)
        if tool is not None:
            whole = found.sources if found.keys is None else NOWHERE
            keys = dict(found.keys or {})
            self._reach(at, step.as_called(tool), whole, arguments=keys, literals=_literals(step.arguments))
        # What a tool gives may be what it was given.
        return Content(found.sources | self._tools.sources_of(tool))

    @_step.register
    def _prompt(self, step: Prompt, given: Content, at: _At) -> Content:
        read = self._value(step.messages, given, at).sources
        if not step.auto_run_tools:
            return Content(read)
        offered = list(self._offered(step))
        results: dict[str, Sources] = {}
        for tool in offered:
            results[tool["name"]] = results.get(tool["name"], NOWHERE) | self._tools.sources_of(tool)
        sources = read.union(*results.values())
        for tool in offered:
            self._reach(at, tool, sources, read_by_model=read, results=results)
        return Content(sources)

    def _offered(self, step: Prompt) -> Iterator[Mapping[str, Any]]:
        if not isinstance(step.tools, list):
            yield from self._tools.by_name.values()
            return
        for tool in step.tools:
            if "type" in tool:
                yield tool
            else:
                yield from self._tools.named(tool["name"])

    def _reach(self, at: _At, tool: Mapping[str, Any], sources: Sources, **more: Any) -> None:
        self.reached.append(Reached(at.path, at.location, tool, sources, asked=self._is_asked, **more))

    @_step.register
    def _wait_for_input(self, step: WaitForInput, given: Content, at: _At) -> Content:
        self._value(step.info, given, at)
        late = self._late(step, given, at, answers=OF_PERSON)
        self._is_asked |= step.on_timeout is None and not step.timed_out
        return OF_PERSON.beside(late)

    @_step.register
    def _wait_for_event(self, step: WaitForEvent, given: Content, at: _At) -> Content:
        return _FROM_EVENTS.beside(self._late(step, given, at))

    def _late(self, step: WaitForInput | WaitForEvent, given: Content, at: _At, **names: Content) -> Content:
        """The output after a timeout."""
        if step.timed_out:
            return self._maybe(lambda: self._below(step, "timed_out", given, at, **names))
        return EMPTY if step.on_timeout is None else self._value(step.on_timeout, given, at, **names)

    @_step.register
    def _yield(self, step: Yield, given: Content, at: _At) -> Content:
        argument = self._value(step.arguments, given, at)
        self._store.grow(self._store.called_with, step.workflow, argument)
        self._note(self._asked, step.workflow, self._is_asked)
        self._is_asked |= self._asked_after.get(step.workflow, False)
        self._see(self._store.seen_in.get(step.workflow, EMPTY))
        return self._store.results.get(step.workflow, EMPTY)

    @_step.register
    def _if_else(self, step: IfElse, given: Content, at: _At) -> Content:
        decided = self._value(step.condition, given, at).sources
        arms = (partial(self._below, step, key, given, at) for key in ("then", "else"))
        return self._arms(arms).depending(decided)

    @_step.register
    def _switch(self, step: Switch, given: Content, at: _At) -> Content:
        decided = NOWHERE.union(*(self._value(place.value, given, at).sources for place in step.places()))
        arms = (partial(self._below, step, key, given, at) for key in step.blocks())
        return self._arms(arms).depending(decided)

    @_step.register
    def _foreach(self, step: Foreach, given: Content, at: _At) -> Content:
        item = opaque(self._value(step.over, given, at))
        return opaque(item, self._maybe(lambda: self._below(step, "do", item, at)))

    @_step.register
    def _map_reduce(self, step: MapReduce, given: Content, at: _At) -> Content:
        item = opaque(self._value(step.over, given, at))
        outputs = opaque(item, self._maybe(lambda: self._below(step, "map", item, at)))
        if step.reduce is None:
            return outputs
        return opaque(outputs, self._value(step.reduce, opaque(outputs, given), at, results=outputs))

    @_step.register
    def _parallel(self, step: Parallel, given: Content, at: _At) -> Content:
        arms = (partial(self._below, step, key, given, at) for key in step.blocks())
        return opaque(self._arms(arms, is_any=True))

    @_step.register
    def _while(self, step: While, given: Content, at: _At) -> Content:
        # What a turn gave before is the input of the next.
        turned = given.beside(self._store.outputs.get(at.path, EMPTY))
        decided = self._value(step.condition, turned, at).sources
        return turned.beside(self._maybe(lambda: self._below(step, "do", turned, at))).depending(decided)

    @_step.register
    def _try(self, step: Try, given: Content, at: _At) -> Content:
        before, self._seen = self._seen, EMPTY
        arms: list[Callable[[], Content]] = [partial(self._below, step, "try", given, at)]
        if step.catch:
            # An error may tell of anything that was there until then.
            arms.append(lambda: self._below(step, "catch", given, at, error=opaque(self._seen)))
        found = self._arms(iter(arms))
        self._see(before)
        if step.tidy:
            self._below(step, "finally", given, at)
        return found
