"""The static check of a whole program: every name in every field of every step, before anything runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from agents.tool_kinds import CLIENT_RUN
from agents.tools.mcp.listing import server_of
from agents.tools.secret_names import SecretMisused, names_a_secret, names_of
from tasks.expressions.expression import Expression, ExpressionIssue
from tasks.expressions.functions import FUNCTIONS, MODULES
from tasks.expressions.templates.templates import Template
from tasks.language.effort import Effort
from tasks.language.errors import Problems
from tasks.language.scope import PLACE_NAMES, RUNTIME_NAMES, SECRETS
from tasks.language.secret_use import names_in_value
from tasks.steps.base import Place, Step
from tasks.steps.kinds.calls.tool_call import MCP

# Undefined names reported of one text; looking for the nearest known name is not cheap.
_MAX_NAMES = 10

_OF_STEPS = frozenset({"inputs", "outputs", "steps"})
_CALLABLE = frozenset(FUNCTIONS) | frozenset(MODULES)


def check_program(
    workflows: Mapping[str, tuple[Step, ...]], *, tool_types: Mapping[str, str], problems: Problems, effort: Effort
) -> dict[str, str]:
    """Report everything that is wrong or doubtful; errors block, warnings are kept with the version. Gives the first
    place of each secret that the steps name.

    `tool_types` are the types of the tools a step may name, by name.
    """
    checker = _Checker(tool_types, workflows.keys(), problems, effort)
    for name, steps in workflows.items():
        checker.check_workflow(name, steps)
    return checker.secrets


@dataclass(frozen=True, slots=True)
class _Reach:
    """What steps of a workflow can read of each other. `labels` are the first positions from which each is there:
    after a step of the workflow itself, or in the step whose body it is in."""

    labels: Mapping[str, int]
    position: int = 0

    def misses(self, name: str, key: str | int) -> bool:
        """Whether `steps[key]` and the like can never be there at this position."""
        if name not in _OF_STEPS:
            return False
        if isinstance(key, str):
            # Any other key reads the workflow's input.
            return name != "inputs" and self.labels.get(key, self.position + 1) > self.position
        count = self.position + (name != "outputs")
        return not -count <= key < count


class _Checker:
    def __init__(
        self, tool_types: Mapping[str, str], workflow_names: Collection[str], problems: Problems, effort: Effort
    ) -> None:
        self._tool_types = tool_types
        self._workflow_names = workflow_names
        self._problems = problems
        self._effort = effort
        self._reach = _Reach({})
        self.secrets: dict[str, str] = {}

    def check_workflow(self, name: str, steps: Sequence[Step]) -> None:
        """Check the steps of a named workflow, one after the other."""
        labels: dict[str, int] = {}
        for position, step in enumerate(steps):
            for label in step.labels():
                labels.setdefault(label, position)
        self._reach = _Reach(labels)
        self.check_body(tuple(steps), f"workflows.{name}.steps", frozenset(RUNTIME_NAMES), is_list=True)

    def check_body(self, steps: tuple[Step, ...], location: str, names: frozenset[str], *, is_list: bool) -> None:
        """Check the steps of one body, which may read `names`."""
        labels: set[str] = set()
        for index, step in enumerate(steps):
            if self._problems.is_full:
                return
            place = f"{location}[{index}]" if is_list or len(steps) > 1 else location
            if is_list:
                self._reach = replace(self._reach, position=index)
            self._effort.check_clock()
            self._check_step(step, place, names)
            if step.label is not None and step.label in labels:
                self._warn(place, f"label {step.label!r} is used twice; the later step wins")
            labels |= {step.label} if step.label is not None else set()
            if step.kind in ("return", "error") and index + 1 < len(steps):
                self._warn(place, f"steps after a {step.kind} step are never reached")

    def _check_step(self, step: Step, location: str, names: frozenset[str]) -> None:
        for place in step.places():
            self._check_place(place, location, names | place.extra_names)
            if SECRETS in place.extra_names:
                self._check_secrets(step, place, location)
        for path, content in step.literals():
            if names_a_secret(content):
                self._undefined(SECRETS, f"{location}.{path}", str(content), names)
        for path, tool in step.own_tools():
            self._name_secrets(names_of(tool), f"{location}.{path}")
            if tool.get("type") == MCP:
                told = "a server is defined among the tools of the task or its agent, and named here"
                self._problems.add_issue(f"{location}.{path}", told, type_="other")
        for path, name in step.tool_names():
            if self._server_of(name) is None:
                self._check_known("tool", name, self._tool_types, f"{location}.{path}")
        for path, doubt in step.doubts(self._tool_types):
            self._warn(f"{location}.{path}", doubt)
        for path, name in step.workflow_names():
            self._check_known("workflow", name, self._workflow_names, f"{location}.{path}")
        for key, block in step.blocks().items():
            below = f"{location}.{step.body_location(key)}"
            self.check_body(block, below, names | step.block_names(key), is_list=False)

    def _server_of(self, name: str) -> str | None:
        """The tool whose server may have one of this name, which is known when it is called."""
        return server_of(name, (tool for tool, kind in self._tool_types.items() if kind == MCP))

    def _check_secrets(self, step: Step, place: Place, location: str) -> None:
        where = f"{location}.{place.path}"
        try:
            named = names_in_value(place.value)
        except SecretMisused as error:
            self._problems.add_expression_issue(where, str(error), "unsupported_features", SECRETS)
            return
        types = [self._tool_types.get(name) for _, name in step.tool_names()]
        if named and any(kind in CLIENT_RUN for kind in types):
            self._problems.add_issue(where, "the client runs this tool: it gets no secrets", type_="other")
        self._name_secrets(named, where)

    def _name_secrets(self, names: Collection[str], where: str) -> None:
        for name in names:
            self.secrets.setdefault(name, where)

    def _check_known(self, noun: str, name: str, known: Collection[str], location: str) -> None:
        if name not in known:
            message = f"there is no {noun} named {name!r}{_nearest(name, known)}"
            self._problems.add_issue(location, message, type_="other")

    def _check_place(self, place: Place, location: str, names: frozenset[str]) -> None:
        for path, value in place.value.walk():
            where = f"{location}.{place.path}{path}"
            for source, expression in value.expressions():
                self._check_expression(expression, source, where, names)
            for template in value.templates():
                self._check_template(template, where, names)

    def _check_expression(self, expression: Expression, source: str, where: str, names: frozenset[str]) -> None:
        for name in sorted(expression.names - names)[:_MAX_NAMES]:
            self._undefined(name, where, source, names)
        for name, key in sorted(expression.lookups, key=str):
            if self._reach.misses(name, key):
                message = f"{name}[{key!r}] can never be there: no step that has finished by then is meant"
                self._problems.add_expression_issue(where, message, "undefined_names", source)
        self._pass_on(expression.issues, source, where)

    def _check_template(self, template: Template, where: str, names: frozenset[str]) -> None:
        for name in sorted(template.names - names)[:_MAX_NAMES]:
            if name in PLACE_NAMES:
                self._undefined(name, where, template.source, names)
                continue
            if self._problems.has_many_warnings:
                return
            message = f"{name!r} is not defined{_nearest(name, names)}; in a template it gives an empty text"
            self._problems.add_expression_issue(where, message, "undefined_names", template.source, severity="warning")
        self._pass_on(template.issues, template.source, where)

    def _pass_on(self, doubts: tuple[ExpressionIssue, ...], source: str, where: str) -> None:
        for doubt in doubts:
            self._problems.add_expression_issue(where, doubt.message, doubt.issue_type, source, severity="warning")

    def _undefined(self, name: str, where: str, source: str, names: frozenset[str]) -> None:
        if name in PLACE_NAMES:
            message = f"{name!r} cannot be used here, only {PLACE_NAMES[name]}"
        else:
            message = f"{name!r} is not defined{_nearest(name, names | _CALLABLE)}"
        self._problems.add_expression_issue(where, message, "undefined_names", source)

    def _warn(self, location: str, message: str) -> None:
        self._problems.add_issue(location, message, type_="other", severity="warning")


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
