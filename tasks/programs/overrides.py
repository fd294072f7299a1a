"""What a single run has otherwise in its program: the messages and the settings of prompt steps. The program stays."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, cast

from tasks.language.effort import Effort
from tasks.language.errors import InvalidTaskBody, InvalidTaskSpec, Problems
from tasks.language.scope import KNOWN_NAMES
from tasks.language.values import load_value
from tasks.programs.check import check_program
from tasks.programs.program import Program
from tasks.programs.steps_reader import read_body
from tasks.steps.base import Step
from tasks.steps.kinds.calls.prompt import Prompt
from tasks.steps.prompts import as_given, read_messages, read_settings
from tasks.steps.reader import StepReader

# A workflow's name, the index of a step, and for each level below the key of a body and the index of a step in it.
Path = tuple[str | int, ...]


class NoSuchPrompt(LookupError):
    """The program has no prompt step there."""


@dataclass(frozen=True, slots=True)
class Override:
    """Of the prompt step at `path`: what was asked for, and what that makes of its fields, as they are stored."""

    path: Path
    label: str | None
    given: Mapping[str, Any]
    fields: Mapping[str, Any]

    @property
    def place(self) -> str:
        return place_of(self.path)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": list(self.path)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "path": tuple(stored["path"])})


def place_of(path: Path) -> str:
    """Where a step stands, as people name it: `main[2]`, `main[1].then[0]`."""
    first, *rest = path
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)


def all_steps(program: Program) -> Iterator[tuple[Path, Step]]:
    """Every step of the program and where it stands."""
    for name, steps in program.workflows.items():
        yield from _below((name,), steps)


def _below(path: Path, steps: Iterable[Step]) -> Iterator[tuple[Path, Step]]:
    for index, step in enumerate(steps):
        here = (*path, index)
        yield here, step
        for key, body in step.blocks().items():
            yield from _below((*here, key), body)


def override(program: Program, overrides: Iterable[Override]) -> None:
    """Change a program that was loaded for this alone.

    Raises:
        NoSuchPrompt
    """
    for each in overrides:
        step = _prompt_at(program, each.path)
        if "messages" in each.fields:
            step.messages = load_value(each.fields["messages"])
        if "settings" in each.fields:
            step.settings = each.fields["settings"]


def _prompt_at(program: Program, path: Path) -> Prompt:
    try:
        step = program.block(path[:-1])[cast(int, path[-1])]
    except LookupError:
        raise NoSuchPrompt(place_of(path)) from None
    if not isinstance(step, Prompt):
        raise NoSuchPrompt(place_of(path))
    return step


def read_override(
    program: Program, path: Path, given: Mapping[str, Any], *, tool_types: Mapping[str, str], loc: str
) -> Override:
    """Read and check what the prompt step at `path` is to have instead: `prompt`, and `settings` that are laid over its
    own, where null takes one away. `program` was loaded for this alone, and has it then.

    Raises:
        InvalidTaskBody: the shape is wrong. InvalidTaskSpec: an expression or a name is, as in a task.
        NoSuchPrompt
    """
    step, problems = _prompt_at(program, path), Problems()
    known = _issues(program, tool_types)
    reader = StepReader(
        problems=problems,
        dialect=program.dialect,
        loc=loc,
        location=loc,
        seen=[],
        effort=Effort(),
        read_body=read_body,
        read_tool=as_given,
        names=_names_at(program, path),
    )
    fields: dict[str, Any] = {}
    if "prompt" in given:
        fields["messages"] = read_messages(reader.at("prompt"), given["prompt"]).dump()
    if "settings" in given:
        fields["settings"] = read_settings(reader.at("settings"), {**(step.settings or {}), **given["settings"]})
    if problems.details:
        raise InvalidTaskBody(problems.details)
    found = Override(path, step.label, dict(given), fields)
    override(program, [found])
    issues = [*problems.issues, *(issue for issue in _issues(program, tool_types) if issue not in known)]
    if issues:
        raise InvalidTaskSpec(issues)
    return found


def _issues(program: Program, tool_types: Mapping[str, str]) -> list[dict[str, Any]]:
    problems = Problems()
    check_program(program.workflows, tool_types=tool_types, problems=problems, effort=Effort())
    return problems.issues


def _names_at(program: Program, path: Path) -> frozenset[str]:
    """What texts may read there."""
    names = KNOWN_NAMES
    for end in range(2, len(path), 2):
        step = program.block(path[: end - 1])[cast(int, path[end - 1])]
        names |= step.block_names(str(path[end]))
    return names
