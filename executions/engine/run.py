"""What a claimed branch belongs to: its program, tools and tenant. Versions never change, so they are cached."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from agents.mcp.offering import is_not_found_yet, not_found_yet, tools_of
from agents.models import Agent, Developer, Tool
from agents.policy.policy import Policy
from agents.tool_definitions import tool_to_wire
from agents.tool_types import ToolType
from agents.tools.body import spec_of
from agents.tools.errors import Delivery, ToolError
from agents.tools.presets import Presets
from agents.tools.registry import are_complete, completed_tools
from executions.blobs import stored_size
from executions.engine.contents import Contents
from executions.engine.labels import together
from executions.engine.limits import check_gathered
from executions.models import Branch, Execution
from tasks.models import Task, TaskVersion
from tasks.programs.overrides import Override, override
from tasks.programs.program import Program

_INHERITED = "tools_in_short"
_TOOLS_IN_SHORT = Tool.objects.filter(agent=OuterRef("task__agent")).values(
    in_short=JSONObject(name="name", type="type", provider="spec__provider")
)


@dataclass(frozen=True)
class LoadedVersion:
    """One immutable program, ready to run; of a run with overrides, as it runs it."""

    id: UUID
    task_id: UUID
    # As it was when the version was first loaded here.
    task_name: str
    program: Program
    tools: tuple[dict[str, Any], ...]
    inherit_tools: bool
    input_schema: dict[str, Any] | None
    # Held by who looks at what the calls depend on: one look is enough, and no other program waits for it.
    looking: Lock = field(default_factory=Lock, repr=False, compare=False)

    @cached_property
    def reached(self) -> dict[Any, Any]:
        """What is known of the calls that the program may make, by what is known of the tools."""
        return {}

    def labels(self, workflow: str) -> dict[str, list[int]]:
        """Positions of the labelled steps of a named workflow."""
        return self._labels[workflow]

    @cached_property
    def _labels(self) -> dict[str, dict[str, list[int]]]:
        found: dict[str, dict[str, list[int]]] = {name: {} for name in self.program.workflows}
        for name, steps in self.program.workflows.items():
            for position, step in enumerate(steps):
                if step.label is not None:
                    found[name].setdefault(step.label, []).append(position)
        return found


@lru_cache(maxsize=256)
def load_version(version_id: UUID, overridden_by: UUID | None = None) -> LoadedVersion:
    """The program of a task version, with what a run has otherwise; kept per process, since neither ever changes."""
    version = TaskVersion.objects.select_related("task").get(pk=version_id)
    program = Program.load(version.program)
    if overridden_by is not None:
        stored = Execution.objects.values_list("overrides", flat=True).get(pk=overridden_by)
        override(program, map(Override.from_json, stored or ()))
    return LoadedVersion(
        id=version.id,
        task_id=version.task_id,
        task_name=version.task.name,
        program=program,
        tools=tuple(version.tools),
        inherit_tools=version.inherit_tools,
        input_schema=version.input_schema,
    )


class Run:
    """What steps and calls may ask about the run they belong to, read on first use.

    One message uses one, whatever it does for the run; the next message reads anew.
    """

    def __init__(
        self,
        *,
        execution_id: UUID,
        developer_id: UUID,
        version_id: UUID,
        key_id: UUID | None = None,
        traceparent: str | None = None,
        has_overrides: bool = False,
        called_by: UUID | None = None,
        counts_for: tuple[UUID, ...] = (),
    ) -> None:
        self.execution_id = execution_id
        self.traceparent = traceparent
        self.key_id = key_id
        self.developer_id = developer_id
        self._version_id = version_id
        self._has_overrides = has_overrides
        self.called_by = called_by
        self._counts_for = counts_for

    @cached_property
    def contents(self) -> Contents:
        """The large values its rows refer to."""
        return Contents(self.execution_id)

    @cached_property
    def version(self) -> LoadedVersion:
        return load_version(self._version_id, self.execution_id if self._has_overrides else None)

    @property
    def program(self) -> Program:
        return self.version.program

    @cached_property
    def developer(self) -> Developer:
        return Developer.objects.get(pk=self.developer_id)

    @cached_property
    def agent(self) -> Agent:
        agent: Agent = Agent.objects.select_related("project").get(tasks=self.version.task_id)
        return agent

    @cached_property
    def task(self) -> Task:
        """The task as it stands now; what runs is the version."""
        return Task.objects.get(pk=self.version.task_id)

    @property
    def attribution(self) -> dict[str, Any]:
        """What its calls are for."""
        if "_given" in vars(self):
            agent_id, project_id = self._given["task__agent_id"], self._given["task__agent__project_id"]
        else:
            agent_id, project_id = self.agent.pk, self.agent.project_id
        return {
            "agent_id": agent_id,
            "project_id": project_id,
            "task_id": self.version.task_id,
            "execution_id": self.execution_id,
            "key_id": self.key_id,
            "counts_for": self._counts_for,
        }

    @cached_property
    def _given(self) -> dict[str, Any]:
        """What the rows of the run, its task and its agent say that its tools have to know."""
        fields = (
            "depth", "metadata", "sources", "task__metadata", "task__agent__metadata", "task__agent__policy",
            "task__agent_id", "task__agent__project_id",
        )  # fmt: skip
        inherited = {_INHERITED: ArraySubquery(_TOOLS_IN_SHORT)} if self.version.inherit_tools else {}
        return Execution.objects.filter(pk=self.execution_id).values(*fields, **inherited).get()

    @property
    def depth(self) -> int:
        """How many tool calls led to this run."""
        return int(self._given["depth"])

    @property
    def sources(self) -> dict[str, Any] | None:
        """Where its input and the answers to its waits come from."""
        found: dict[str, Any] | None = self._given["sources"]
        return found

    @property
    def policy(self) -> Policy:
        """What its agent says of dangerous calls."""
        return Policy.of(self._given["task__agent__policy"])

    def tools_in_short(self) -> list[dict[str, Any]]:
        """The tools, with no more of each than tells where its results come from. Unless there are servers, whose tools
        stand elsewhere, they come with what else is known of the run."""
        own, inherited = self.version.tools, self._given.get(_INHERITED, ())
        if any(tool["type"] == ToolType.MCP for tool in (*own, *inherited)):
            return self.tools()
        names = {tool["name"] for tool in own}
        shapes = [{**tool, tool["type"]: {"provider": tool["provider"]}} for tool in inherited]
        return [*own, *(tool for tool in shapes if tool["name"] not in names)]

    @property
    def agent_id(self) -> UUID:
        """Whose secrets come first."""
        return UUID(str(self._given["task__agent_id"]))

    @property
    def user_id(self) -> UUID | None:
        """In the name of which user its calls are made: whom the metadata names that it was started with. What a tool
        has started may have been given any by a model, and acts in the name of nobody."""
        return None if self.depth else self.about

    @property
    def about(self) -> UUID | None:
        """The user with whom it is erased, as its metadata says."""
        named = self._given["metadata"].get("user_id")
        if not isinstance(named, str):
            return None
        with suppress(ValueError):
            return UUID(named)
        return None

    @cached_property
    def presets(self) -> Presets:
        """Arguments of tools preset by metadata: the execution's before the task's before the agent's."""
        given = self._given
        return Presets.from_metadata(given["metadata"], given["task__metadata"], given["task__agent__metadata"])

    @cached_property
    def given_presets(self) -> Presets:
        """Those of them that were given with its input, by whoever started it."""
        return Presets.from_metadata(self._given["metadata"])

    @cached_property
    def agent_tools(self) -> list[dict[str, Any]]:
        rows = Tool.objects.filter(agent__tasks=self.version.task_id).order_by("created_at", "id")
        return completed_tools(self.developer_id, self.agent_id, [tool_to_wire(tool) for tool in rows])

    @cached_property
    def _own_tools(self) -> list[dict[str, Any]]:
        return self.completed(self.version.tools)

    def completed(self, tools: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Definitions with what is found out about them."""
        return list(tools) if are_complete(tools) else completed_tools(self.developer_id, self.agent_id, tools)

    def tools(self) -> list[dict[str, Any]]:
        """The task's own tools and, when they are inherited, those of the agent with other names."""
        own = self._own_tools
        names = {tool["name"] for tool in own}
        inherited = self.agent_tools if self.version.inherit_tools else []
        return own + [tool for tool in inherited if tool["name"] not in names]

    def tool(self, name: str) -> dict[str, Any]:
        """The tool a step names.

        Raises:
            KeyError: there is none of that name any more.
        """
        own = (tool for tool in self._own_tools if tool["name"] == name)
        found = next(own, None) or next((tool for tool in self.tools() if tool["name"] == name), None)
        found = found or not_found_yet(name, self.tools())
        if found is None:
            raise KeyError(name)
        return found

    def as_known_now(self, tool: dict[str, Any]) -> dict[str, Any]:
        """The definition that a call has, or if it is of before anything was known of its server, that of now.

        Raises:
            ToolError: the server has no such tool.
        """
        if not is_not_found_yet(tool):
            return tool
        try:
            return self.tool(str(tool["name"]))
        except KeyError:
            told = f"the server of {spec_of(tool)['of_tool']!r} has no tool {tool['name']!r}"
            raise ToolError(told, delivery=Delivery.NOT_SENT) from None

    def tools_named(self, name: str) -> list[dict[str, Any]]:
        """The tool of that name; of a server, the tools it has.

        Raises:
            KeyError: there is none of that name any more.
        """
        found = self.tool(name)
        return tools_of(found, (*self._own_tools, *self.agent_tools)) or [found]

    @staticmethod
    def children_labels(branch_id: UUID, fork: str | None) -> dict[str, str]:
        """Rows by the labels of steps that such children finished in their bodies; of one label that of the last."""
        told = Branch.objects.filter(parent_id=branch_id, fork=fork, event__labels__isnull=False)
        return together(told.order_by("index").values_list("event__labels", flat=True))

    @staticmethod
    def children_outputs(branch_id: UUID, fork: str | None) -> list[Any]:
        """Outputs of the children a branch made together under this fork, in item order.

        Raises:
            OutputTooLarge: they are more than a step may gather.
        """
        children = Branch.objects.filter(parent_id=branch_id, fork=fork)
        check_gathered(stored_size(children), "the outputs of the branches")
        return list(children.order_by("index").values_list("output", flat=True))
