"""A task's body becomes one canonical program."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from julep_project.core.schemas.json_schema import UnusableSchema, find_schema_problem
from tasks.language import texts
from tasks.language.effort import Effort
from tasks.language.errors import InvalidTaskBody, InvalidTaskSpec, Problems
from tasks.language.spelling import normalise_body
from tasks.programs.check import check_program
from tasks.programs.program import Program
from tasks.programs.steps_reader import read_body
from tasks.programs.wire import body_to_wire
from tasks.steps.base import Step
from tasks.steps.prompts import as_given, named_tool
from tasks.steps.reader import CLASSIC, DOLLAR, ReadTool, StepReader, texts_of_tool

__all__ = ["CompiledTask", "InvalidTaskBody", "InvalidTaskSpec", "compile_task"]

# Fields of a task that are not workflows. The ids are what clients echo; they are ignored.
TASK_FIELDS = frozenset(
    {"name", "canonical_name", "description", "main", "input_schema", "tools", "inherit_tools", "metadata"}
)
IGNORED_FIELDS = frozenset(
    {
        "id", "agent_id", "developer_id", "task_id", "version", "created_at", "updated_at", "jobs", "dialect",
        "warnings",
    }
)  # fmt: skip

NO_TOOLS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class CompiledTask:
    """What is stored of a task version, but for `secrets`, the first place of each that a step names, and `loaded`, the
    program itself. `source` is what clients get back of the workflows."""

    program: dict[str, Any]
    sha256: str
    dialect: str
    source: dict[str, Any]
    warnings: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    input_schema: dict[str, Any] | None
    inherit_tools: bool
    secrets: Mapping[str, str]
    loaded: Program

    def stored(self) -> dict[str, Any]:
        """Fields of the version's row."""
        return {name: value for name, value in vars(self).items() if name not in ("secrets", "loaded")}


def compile_task(
    body: Mapping[str, Any], *, agent_tools: Mapping[str, str] = NO_TOOLS, read_tool: ReadTool = as_given
) -> CompiledTask:
    """Parse, choose the dialect, normalise and check.

    Args:
        body: `main`, further workflows, `tools`, `input_schema`, `inherit_tools`; other task fields are passed over.
        agent_tools: types of the tools a task may inherit, by name.
        read_tool: checks a tool that a step defines itself.

    Raises:
        InvalidTaskBody: the shape is wrong. InvalidTaskSpec: an expression, a name or a schema is.
    """
    problems, effort = Problems(), Effort()
    tools = normalise_tools(body.get("tools"), problems)
    inherit_tools = _inherit_tools(body.get("inherit_tools"), problems)
    sources = _workflow_sources(body, problems)
    _refuse(problems)
    _check_schema(body.get("input_schema"))
    dialect = _choose_dialect(sources, tools)
    workflows = _read(sources, dialect, problems, effort, read_tool=read_tool)
    _refuse(problems)
    types = dict(agent_tools) if inherit_tools else {}
    types |= {tool["name"]: str(tool.get("type")) for tool in tools}
    secrets = check_program(workflows, tool_types=types, problems=problems, effort=effort)
    if problems.issues:
        raise InvalidTaskSpec(problems.issues)
    loaded = Program(dialect, workflows)
    program = loaded.dump()
    return CompiledTask(
        program=program,
        sha256=hashlib.sha256(json.dumps(program, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
        dialect=dialect,
        source={name: body_to_wire(source) for name, source in sources.items()},
        warnings=problems.warnings,
        tools=tools,
        input_schema=body.get("input_schema"),
        inherit_tools=inherit_tools,
        secrets=secrets,
        loaded=loaded,
    )


def _refuse(problems: Problems) -> None:
    if problems.details:
        raise InvalidTaskBody(problems.details)


def _inherit_tools(raw: Any, problems: Problems) -> bool:
    if raw is None or isinstance(raw, bool):
        return raw is not False
    problems.add_detail("inherit_tools", "must be true or false", "wrong_type", raw)
    return True


def normalise_tools(raw: Any, problems: Problems) -> list[dict[str, Any]]:
    """Tool bodies of a task; the old form without an outer name takes the function's own."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        problems.add_detail("tools", "must be a list", "wrong_type", raw)
        return []
    tools: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(raw):
        tool = named_tool(item) if isinstance(item, Mapping) else None
        if tool is None:
            problems.add_detail(f"tools[{index}]", "must be a tool with a name", "missing", item)
        elif tool["name"] in tools:
            problems.add_detail(f"tools[{index}].name", "two tools have this name", "duplicate", tool["name"])
        else:
            tools[tool["name"]] = tool
    return list(tools.values())


def _workflow_sources(body: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Workflow name to body in canonical spelling, `main` first."""
    given = {str(key): value for key, value in body.items() if key not in TASK_FIELDS | IGNORED_FIELDS}
    sources = {}
    for name, raw in {"main": body.get("main"), **given}.items():
        if problems.is_full:
            break
        if raw is None and name == "main":
            problems.add_detail(name, "is missing", "missing", None)
        elif isinstance(raw, list) and raw:
            sources[name] = normalise_body(raw)
        elif raw is not None:
            message = "must be a list of at least one step"
            problems.add_detail(name, message, "wrong_type", raw, fix=_workflow_hint(name))
    return sources


def _workflow_hint(name: str) -> str | None:
    """A key of a task that is neither a field nor a workflow is most often a field misspelt."""
    near = get_close_matches(name, TASK_FIELDS - {name}, n=1)
    return f"did you mean {near[0]!r}? Any other key is the name of a workflow" if near else None


def _check_schema(schema: Any) -> None:
    if schema is None:
        return
    if not isinstance(schema, Mapping) or not isinstance(schema.get("$schema", ""), str):
        raise _invalid_schema("the schema must be an object, and its `$schema` a text", path="$")
    try:
        problem = find_schema_problem(schema)
    except UnusableSchema as error:
        raise _invalid_schema(str(error), path="$") from None
    if problem is not None:
        raise _invalid_schema(problem.message, path=problem.path)


def _invalid_schema(reason: str, *, path: str) -> InvalidTaskSpec:
    issue = {
        "location": "input_schema",
        "message": reason,
        "severity": "error",
        "type": "schema",
        "details": {"path": path},
    }
    return InvalidTaskSpec([issue], "Invalid input schema")


def _choose_dialect(sources: Mapping[str, Any], tools: list[dict[str, Any]]) -> str:
    """`dollar` as soon as one evaluated string carries the mark, in a step or in the body of a tool."""
    seen = [text for tool in tools for text in texts_of_tool(tool)]
    _read(sources, None, Problems(), Effort(), seen)
    return DOLLAR if any(texts.is_dollar(text) for text in seen) else CLASSIC


def _read(
    sources: Mapping[str, Any],
    dialect: str | None,
    problems: Problems,
    effort: Effort,
    seen: list[str] | None = None,
    read_tool: ReadTool = as_given,
) -> dict[str, tuple[Step, ...]]:
    workflows = {}
    for name, source in sources.items():
        reader = StepReader(
            problems=problems,
            dialect=dialect,
            loc=name,
            location=f"workflows.{name}.steps",
            seen=[] if seen is None else seen,
            effort=effort,
            read_body=read_body,
            read_tool=read_tool,
        )
        workflows[name] = read_body(source, reader)
    return workflows
