"""What system tools may do with sessions and jobs."""

import asyncio
from dataclasses import replace
from typing import Any

from agents.models import Tool
from agents.tool_definitions import tool_to_wire
from agents.tools.errors import Delivery, ToolError
from agents.tools.presentation import shown_body
from agents.tools.presets import without_values
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from julep_project.core.api.views import deletion
from julep_project.core.database import give_connection_back
from julep_project.core.limits import LONGEST_ATTEMPT_S
from sessions import selectors, services
from sessions.api.serializers import NewSessionBody, SessionBody, take_participants
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.errors import ChatTimedOut, WaitedTooLong
from sessions.history.entries import whole_history
from sessions.models import Session
from sessions.shortening.jobs import get_job, job_to_wire
from sessions.wire import history_to_wire, session_to_wire

Json = dict[str, Any]
# What a model may say; the author of a task may use every field of a chat.
_CHAT = {
    "message": {"type": "string", "description": "What to say, as a user"},
    "messages": {
        "type": "array",
        "items": {"type": "object", "properties": {"role": {"type": "string"}, "content": {"type": "string"}}},
        "description": "Several messages with their roles, instead of `message`",
    },
    "agent": {"type": "string", "format": "uuid", "description": "Which agent of the session is to answer"},
    "metadata": {"type": "object"},
    "save": {"type": "boolean", "description": "Whether the session remembers it", "default": True},
}


@operation("session.list", page=1000, more=METADATA_FILTER)
def list_sessions(call: SystemCall) -> list[Json]:
    """List sessions, the newest first."""
    rows = call.narrowed(selectors.list_sessions(call.developer))
    return [_shown(session) for session in call.paging().load(rows)]


@operation("session.get", ids="session_id")
def get_session(call: SystemCall) -> Json:
    """Get one session."""
    return _shown(selectors.get_session(call.developer, call.id("session_id")))


@operation("session.create", body=NewSessionBody)
def create_session(call: SystemCall) -> Json:
    """Create a session of an agent, or of several, with or without users."""
    values = NewSessionBody.read(call.arguments)
    session = services.create_or_replace_session(
        developer=call.developer,
        session_id=call.new_id(),
        participants=take_participants(values),
        values=values,
    )
    return _shown(session)


@operation("session.create_or_update", ids="session_id", body=NewSessionBody)
def create_or_replace_session(call: SystemCall) -> Json:
    """Overwrite the fields of the session with this id, or create it."""
    values = NewSessionBody.read(call.arguments)
    session = services.create_or_replace_session(
        developer=call.developer,
        session_id=call.id("session_id"),
        participants=take_participants(values),
        values=values,
    )
    return _shown(session)


@operation("session.update", ids="session_id", body=SessionBody)
def replace_session(call: SystemCall) -> Json:
    """Overwrite the fields of a session; its participants stay."""
    values = SessionBody.read(call.arguments)
    session_id = call.id("session_id")
    return _shown(services.replace_session(developer=call.developer, session_id=session_id, values=values))


@operation("session.patch", ids="session_id", body=SessionBody, partial=True)
def patch_session(call: SystemCall) -> Json:
    """Change some fields of a session; metadata is merged."""
    values = SessionBody.read(call.arguments, partial=True)
    session_id = call.id("session_id")
    return _shown(services.patch_session(developer=call.developer, session_id=session_id, values=values))


@operation("session.delete", ids="session_id")
def delete_session(call: SystemCall) -> Json:
    """Delete a session and what was said in it."""
    services.delete_session(developer=call.developer, session_id=call.id("session_id"))
    return deletion(call.id("session_id"))


@operation("session.history", ids="session_id")
def get_history(call: SystemCall) -> Json:
    """Get what was said in a session, the oldest first."""
    session = selectors.get_session(call.developer, call.id("session_id"))
    return history_to_wire(session, whole_history(session))


@operation("session.tool.list", ids="session_id", page=1000)
def list_tools(call: SystemCall) -> list[Json]:
    """List the tools of the agents of a session."""
    rows = selectors.list_session_tools(call.developer, call.id("session_id"))
    return [_shown_tool(tool) for tool in call.paging().load(rows)]


@operation("session.chat", ids="session_id", more=_CHAT)
def chat(call: SystemCall) -> Json:
    """Say something in a session and get the answer of its agent."""
    asked = ChatCall(
        developer=call.developer,
        session_id=call.id("session_id"),
        request=replace(ChatRequest.read(call.arguments), stream=False),
        custom_key=call.arguments.get("x_custom_api_key"),
        chat_id=call.new_id(),
        timeout_s=min(call.timeout_s or LONGEST_ATTEMPT_S, LONGEST_ATTEMPT_S),
    )
    give_connection_back()
    try:
        # It ends in time: neither the chat nor a tool in a thread of its own takes longer than `timeout_s`.
        return asyncio.run(answer_chat(asked))
    except (ChatTimedOut, WaitedTooLong) as error:
        raise ToolError(error.message, repeatable=True, delivery=Delivery.UNCLEAR) from error


@operation("job.get", ids="job_id")
def read_job(call: SystemCall) -> Json:
    """Get the state of a background job."""
    return job_to_wire(get_job(call.developer, call.id("job_id")))


def _shown(session: Session) -> Json:
    return {**session_to_wire(session), "metadata": without_values(session.metadata)}


def _shown_tool(tool: Tool) -> Json:
    return shown_body(tool_to_wire(tool))
