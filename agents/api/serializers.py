"""Bodies this app reads, and the objects it answers with."""

from typing import Any

from rest_framework import serializers

from agents.models import Agent, Project, User
from agents.policy.body import PolicyBody
from agents.system_template import DEFAULT_SYSTEM_TEMPLATE
from agents.tool_definitions import LONGEST_TOOL_NAME, SAID_OF_CALLS
from agents.tool_specs import (
    AgentSpec,
    ApiCallSpec,
    BashSpec,
    ComputerSpec,
    FunctionSpec,
    IntegrationSpec,
    McpSpec,
    SystemSpec,
    TaskSpec,
    TextEditorSpec,
)
from agents.tool_types import LONGEST_CONDITION, Effect, ToolType
from agents.tools.properties.words import LONGEST_TIMEOUT_S, MOST_CALLS, PERIODS_S, SHORTEST_TIMEOUT_S
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    Answer,
    Body,
    CanonicalName,
    DisplayName,
    Example,
    JsonObject,
    SafeName,
    StoredAnswer,
    Text,
    TextList,
)


class AgentBody(Body):
    """What a client may set on an agent."""

    example = Example(
        name="Harbour guide",
        about="Knows the tides.",
        model="offline/echo",
        instructions=["Answer in one sentence."],
        metadata={"team": "sea"},
    )
    example_of_changes = Example(about="Knows the tides and the winds.", metadata={"watch": 2})

    name = DisplayName()
    canonical_name = CanonicalName(required=False)
    project = CanonicalName(required=False)
    about = Text(required=False, max_length=LONGEST_DESCRIPTION)
    model = Text(required=False, max_length=LONGEST_NAME)
    instructions = TextList(required=False)
    default_settings = JsonObject(required=False)
    default_system_template = Text(required=False)
    policy = PolicyBody(required=False, allow_null=True, help_text="null: the default")
    metadata = JsonObject(required=False)


class AgentAnswer(StoredAnswer, AgentBody):
    """An agent as it is answered."""

    sometimes = frozenset({"policy"})


class UserBody(Body):
    """What a client may set on a user."""

    example = Example(name="Ada", about="Sails at weekends.", metadata={"team": "sea"})

    name = SafeName(required=False)
    about = Text(required=False, max_length=LONGEST_DESCRIPTION)
    project = CanonicalName(required=False)
    metadata = JsonObject(required=False)


class UserAnswer(StoredAnswer, UserBody):
    """A user as it is answered."""


class ProjectBody(Body):
    """What a client may set on a project."""

    example = Example(name="Harbour", metadata={"team": "sea"})

    name = DisplayName()
    canonical_name = CanonicalName(required=False)
    metadata = JsonObject(required=False)


class ProjectAnswer(StoredAnswer, ProjectBody):
    """A project as it is answered."""


class RateBody(Body):
    """So many calls in any period of that length."""

    calls = serializers.IntegerField(min_value=1, max_value=MOST_CALLS)
    per = serializers.ChoiceField(choices=list(PERIODS_S))


class ToolBody(Body):
    """A tool. Of its specs one is given, that of its type."""

    example = Example(
        name="moor",
        type="function",
        description="Moor a boat.",
        function={"parameters": {"type": "object", "properties": {"berth": {"type": "integer"}}}},
    )
    example_of_changes = Example(description="Moor a boat at a berth.")

    name = Text(max_length=LONGEST_TOOL_NAME)
    type = serializers.ChoiceField(choices=ToolType.choices, required=False)
    description = Text(required=False)
    at_most_once = serializers.BooleanField(
        required=False, help_text="never repeat a call whose outcome is unclear; a person decides"
    )
    approval = Text(
        required=False,
        max_length=LONGEST_CONDITION,
        help_text="whether a person agrees to calls first: `always`, `never`, or an expression over their arguments",
    )
    effect = serializers.ChoiceField(
        choices=list(Effect), required=False, help_text="what a call does; usually what its kind and spec say"
    )
    idempotent = serializers.BooleanField(
        required=False, help_text="false: the same as `at_most_once`, by its other name"
    )
    timeout = serializers.FloatField(
        required=False,
        min_value=SHORTEST_TIMEOUT_S,
        max_value=LONGEST_TIMEOUT_S,
        help_text="seconds that a call may take",
    )
    rate = RateBody(required=False, help_text="how many calls are made at most")
    function = FunctionSpec(required=False)
    integration = IntegrationSpec(required=False)
    system = SystemSpec(required=False)
    api_call = ApiCallSpec(required=False)
    mcp = McpSpec(required=False)
    task = TaskSpec(required=False)
    agent = AgentSpec(required=False)
    computer_20241022 = ComputerSpec(required=False)
    text_editor_20241022 = TextEditorSpec(required=False)
    bash_20241022 = BashSpec(required=False)


class ToolAnswer(StoredAnswer, ToolBody):
    """A stored tool as it is answered."""

    nullable = frozenset({"description"})
    sometimes = frozenset({*SAID_OF_CALLS, "idempotent", "warnings", *ToolType.values})

    warnings = serializers.ListField(child=JsonObject(), required=False, help_text="of a tool that was just written")


class ModelName(Answer):
    """One entry of the model list."""

    id = Text()


def agent_to_wire(agent: Agent) -> dict[str, Any]:
    """The agent object. Reads `agent.project`: load it with the agent."""
    return {
        **row_to_wire(agent, "name", "canonical_name"),
        "project": agent.project.canonical_name,
        "about": agent.about,
        "model": agent.model,
        "instructions": agent.instructions,
        "default_settings": agent.default_settings,
        "default_system_template": agent.default_system_template or DEFAULT_SYSTEM_TEMPLATE,
        **({} if agent.policy is None else {"policy": agent.policy}),
        "metadata": agent.metadata,
    }


def user_to_wire(user: User) -> dict[str, Any]:
    """The user object. Reads `user.project`: load it with the user."""
    return {
        **row_to_wire(user, "name", "about"),
        "project": user.project.canonical_name,
        "metadata": user.metadata,
    }


def project_to_wire(project: Project) -> dict[str, Any]:
    return row_to_wire(project, "name", "canonical_name", "metadata")
