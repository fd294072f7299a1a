"""What a run that is done again has otherwise than the one before: inputs, outputs, and what prompt steps ask with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from agents.llm.choice import resolve_listed_model
from agents.models import Tool
from executions.engine.limits import storable_text
from executions.engine.replaying.places import steps_at
from executions.models import Execution, Transition
from executions.retrying.errors import NotRetryable
from julep_project.core.errors import InvalidInput, InvalidTask
from julep_project.core.reading.jsontext import NotStorable, to_json_text
from julep_project.core.reading.validation import invalid, path_text
from tasks.models import TaskVersion
from tasks.programs.compile import InvalidTaskBody, InvalidTaskSpec
from tasks.programs.overrides import (
    NoSuchPrompt,
    Override,
    Path,
    all_steps,
    override,
    place_of,
    read_override,
)
from tasks.programs.program import Program
from tasks.steps.base import Step
from tasks.steps.kinds.calls.prompt import Prompt

NOT_GIVEN: Any = object()
# Bytes of JSON: a run's row holds them, and lists of runs show them.
LARGEST_OVERRIDES = 64 * 1024
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Edits:
    """`input` is that of the run, or of the step that is done again; `output` that of this step, which is not done
    again then. `prompt`, with `prompt`, `model` and `settings`, is what the prompt step `step` has wherever it runs:
    named by its label, its place or a transition of it, and without a name the step that is done again."""

    input: Any = field(default=NOT_GIVEN)
    output: Any = field(default=NOT_GIVEN)
    step: str = ""
    prompt: Mapping[str, Any] = field(default_factory=dict)
    # Where they stand in the request.
    loc: tuple[str | int, ...] = ()

    @property
    def has_input(self) -> bool:
        return self.input is not NOT_GIVEN

    @property
    def has_output(self) -> bool:
        return self.output is not NOT_GIVEN

    @property
    def names(self) -> list[str]:
        """What is edited."""
        return [*(["input"] if self.has_input else []), *(["output"] if self.has_output else []), *self.prompt]

    def check_values(self) -> None:
        """Raises InvalidInput: a value cannot be stored, or they do not go together."""
        if self.has_input and self.has_output:
            raise invalid([*self.loc, "output"], "value_error", msg="A step is given an input or an output, not both")
        if self.step and not self.prompt:
            raise invalid([*self.loc, "step"], "value_error", msg="Say what the step has: a prompt, a model, settings")
        for name in ("input", "output"):
            value = getattr(self, name)
            if value is not NOT_GIVEN:
                try:
                    storable_text(value)
                except NotStorable as error:
                    raise invalid([*self.loc, name], "value_error", msg=str(error)) from None


def overrides_for(
    source: Execution, version: TaskVersion, edits: Edits, chosen: Transition | None
) -> list[dict[str, Any]]:
    """What the new run has otherwise than this version: what the one before had, and what the edits say. `chosen` is
    a row of the step that is done again.

    Raises:
        InvalidInput, InvalidTask: what is given cannot be, as in a task. BadRequest: there is no such model.
        NotRetryable: this version has no such step any more.
    """
    known = [Override.from_json(stored) for stored in source.overrides or ()]
    if not known and not edits.prompt:
        return []
    reading = _Reading(source, version, edits.loc)
    found = {each.path: each for each in map(reading.kept, known)}
    if edits.prompt:
        path = reading.path_of(edits.step, chosen)
        found[path] = reading.read(path, _over(found[path].given if path in found else {}, edits.prompt))
    stored = [each.to_json() for each in found.values()]
    if len(to_json_text(stored).encode()) > LARGEST_OVERRIDES:
        told = f"What a run has otherwise than its program is at most {LARGEST_OVERRIDES} bytes"
        raise invalid([*edits.loc, "prompt"], "value_error", msg=told)
    return stored


def _over(before: Mapping[str, Any], edited: Mapping[str, Any]) -> dict[str, Any]:
    """What is given of a prompt step: a `model` is one of its settings."""
    settings = {**before.get("settings", {}), **edited.get("settings", {})}
    if "model" in edited:
        settings["model"] = edited["model"]
    if settings.get("model") is not None:
        settings["model"] = resolve_listed_model(settings["model"])
    prompt = edited.get("prompt", before.get("prompt"))
    return {**({} if prompt is None else {"prompt": prompt}), **({"settings": settings} if settings else {})}


class _Reading:
    """Reads what one run has otherwise than one version."""

    def __init__(self, source: Execution, version: TaskVersion, loc: Sequence[str | int]) -> None:
        self._source = source
        self._version = version
        self._loc = loc
        self._program = Program.load(version.program)

    def kept(self, known: Override) -> Override:
        """What the run before had otherwise; in another version it is read anew."""
        if self._version.pk == self._source.task_version_id:
            override(self._program, [known])
            return known
        named = [path for path, step in all_steps(self._program) if known.label and step.label == known.label]
        try:
            return self.read(named[0] if len(named) == 1 else known.path, known.given)
        except NoSuchPrompt:
            told = f"The run has another prompt or settings at {known.label or known.place}, which this version has not"
            raise NotRetryable(told) from None

    def read(self, path: Path, given: Mapping[str, Any]) -> Override:
        """Raises InvalidInput, InvalidTask, NoSuchPrompt."""
        try:
            return read_override(self._program, path, given, tool_types=self._tool_types, loc=path_text(self._loc))
        except InvalidTaskBody as error:
            raise InvalidInput(error.details) from error
        except InvalidTaskSpec as error:
            raise InvalidTask(error.issues, error.message) from error

    @cached_property
    def _tool_types(self) -> dict[str, str]:
        version = self._version
        inherited = Tool.objects.filter(agent__tasks=version.task_id).values_list("name", "type")
        own = {str(tool["name"]): str(tool.get("type")) for tool in version.tools}
        return {**dict(inherited if version.inherit_tools else ()), **own}

    def path_of(self, named: str, chosen: Transition | None) -> Path:
        """Where the one prompt step is that is meant.

        Raises:
            InvalidInput: it is none, or not the only one.
        """
        found = self._named(named) if named else self._all() if chosen is None else self._at(chosen)
        prompts = [path for path, step in found if isinstance(step, Prompt)]
        if len(prompts) == 1:
            return prompts[0]
        if prompts:
            places = ", ".join(place_of(path) for path in prompts[:_MOST_NAMED])
            raise self._refusal(f"Several prompt steps are meant: {places}; name one by its place", named)
        if found:
            path, step = found[0]
            raise self._refusal(f"{place_of(path)} is a {step.kind} step: only prompt steps have prompts", named)
        raise self._refusal("There is no such step" if named else "Name the prompt step that is meant", named)

    def _named(self, named: str) -> list[tuple[Path, Step]]:
        steps = list(all_steps(self._program))
        labelled = [each for each in steps if each[1].label == named]
        found = labelled or [each for each in steps if place_of(each[0]) == named]
        with suppress(ValueError):
            row = Transition.objects.defer("output").filter(execution=self._source, pk=UUID(named)).first()
            return found if row is None else self._at(row)
        return found

    def _all(self) -> list[tuple[Path, Step]]:
        """All that ask a model."""
        return [each for each in all_steps(self._program) if isinstance(each[1], Prompt)]

    def _at(self, row: Transition) -> list[tuple[Path, Step]]:
        """The steps that a row may be of."""
        meant = steps_at(self._program, row.current["workflow"], row.current["step"])
        return [each for each in all_steps(self._program) if any(each[1] is step for step in meant)]

    def _refusal(self, message: str, named: str) -> InvalidInput:
        return invalid([*self._loc, "step"], "value_error", msg=message, received=named)
