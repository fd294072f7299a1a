"""Agents as tools: what is said to one is answered in a session, which may go on."""

from functools import partial
from typing import Any
from uuid import UUID

from mcp_types import CallToolResult, Tool, ToolAnnotations

from agents.models import Agent
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.reading.validation import invalid, parse_uuid
from julep_project.mcp_server.answers import told
from julep_project.mcp_server.caller import Caller
from julep_project.mcp_server.naming import name_of
from julep_project.mcp_server.visible import AGENT_PREFIX
from sessions.agent_tools.offering import about
from sessions.agent_tools.running import text_of
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.services import SessionServices

_INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "minLength": 1, "description": "What to say to the agent"},
        "session_id": {
            "type": "string",
            "format": "uuid",
            "description": "The session of an earlier answer, to go on with; without it a new one begins",
        },
        "user_id": {
            "type": "string",
            "format": "uuid",
            "description": "The user a new session is with, whose documents the agent then knows too",
        },
    },
    "required": ["message"],
    "additionalProperties": False,
}
_OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "session_id": {"type": "string", "format": "uuid"},
        "text": {"type": "string"},
        "finish_reason": {"type": ["string", "null"]},
    },
    "required": ["session_id", "text"],
}


def described(agent: Agent) -> Tool:
    return Tool(
        name=name_of(AGENT_PREFIX, agent.canonical_name),
        title=agent.name,
        description=about(agent),
        input_schema=_INPUT,
        output_schema=_OUTPUT,
        annotations=ToolAnnotations(destructive_hint=False, open_world_hint=True),
    )


async def talk(caller: Caller, agent: Agent, arguments: dict[str, Any]) -> CallToolResult:
    """Say something to the agent.

    Raises:
        DomainError: what a chat raises.
    """
    await acheck_intake()
    message = arguments.get("message")
    if not isinstance(message, str) or not message.strip():
        raise invalid(("message",), "missing")
    session_id = await run_query(partial(_session, caller, agent, arguments))
    asked = ChatRequest.read({"messages": [{"role": "user", "content": message}], "agent": str(agent.pk)})
    call = ChatCall(developer=caller.developer, session_id=session_id, request=asked, request_id=caller.request_id)
    try:
        answer: Any = await answer_chat(call)
    except DomainError:
        if arguments.get("session_id") is None:
            # Nobody is told of it.
            await run_query(partial(SessionServices().delete, developer=caller.developer, row_id=session_id))
        raise
    choice = answer["choices"][0]
    text = text_of(choice)
    value = {"session_id": str(session_id), "text": text, "finish_reason": choice.get("finish_reason")}
    return told(value, text or f"The agent answered without words ({choice.get('finish_reason')}).")


def _session(caller: Caller, agent: Agent, arguments: dict[str, Any]) -> UUID:
    given = arguments.get("session_id")
    if given is not None:
        return parse_uuid(str(given), "session_id")
    user = arguments.get("user_id")
    users = [] if user is None else [parse_uuid(str(user), "user_id")]
    # Whoever calls has none of the agent's tools.
    values = {"agents": [agent.pk], "users": users, "auto_run_tools": True}
    session = SessionServices().create(developer=caller.developer, values=values)
    key: UUID = session.pk
    return key
