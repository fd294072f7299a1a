"""The system message: which template it is made from, and what templates may read."""

from collections.abc import Mapping, Sequence

from agents.api.serializers import agent_to_wire, user_to_wire
from agents.system_template import DEFAULT_SYSTEM_TEMPLATE
from agents.tools.presentation import shown_tool
from agents.tools.presets import without_values
from julep_project.core.json_value import Json
from sessions.context.conversation import AgentView, Conversation
from sessions.wire import with_participants


def system_template(conversation: Conversation, agent: AgentView) -> tuple[str, str]:
    """The template, and its name for errors: the session's, the agent's, or that of the product."""
    if conversation.session.system_template:
        return conversation.session.system_template, "system_template"
    if agent.row.default_system_template:
        return agent.row.default_system_template, "default_system_template"
    return DEFAULT_SYSTEM_TEMPLATE, "the default template"


def template_scope(
    conversation: Conversation,
    agent: AgentView,
    *,
    settings: Mapping[str, Json],
    tools: Sequence[Mapping[str, Json]],
    docs: Sequence[Mapping[str, Json]],
    metadata: Mapping[str, Json],
) -> dict[str, Json]:
    """What templates of this session may read, messages of end users among them. Without users there is no `user`."""
    users = [_seen(user_to_wire(user)) for user in conversation.users]
    agents = {view.id: _seen(agent_to_wire(view.row)) for view in conversation.agents}
    session = with_participants(
        conversation.session, [view.id for view in conversation.agents], [user.pk for user in conversation.users]
    )
    return {
        "session": _seen(session),
        "agent": agents[agent.id],
        "current_agent": agents[agent.id],
        "agents": list(agents.values()),
        **({"user": users[0]} if users else {}),
        "users": users,
        "settings": dict(settings),
        "tools": [shown_tool(tool) for tool in tools],
        "docs": [_doc(doc) for doc in docs],
        "metadata": dict(metadata),
    }


def _seen(row: dict[str, Json]) -> dict[str, Json]:
    return {**row, "metadata": without_values(row["metadata"])}


def _doc(doc: Mapping[str, Json]) -> dict[str, Json]:
    return {"title": doc.get("title"), "content": [doc["snippet"]["content"]], "metadata": doc.get("metadata") or {}}
