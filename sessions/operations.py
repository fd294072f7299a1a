"""What system tools may do with sessions and jobs."""

import asyncio
from dataclasses import replace
from typing import Any

from agents.api.resource import ResourceOperations
from agents.tool_definitions import tool_as_shown
from agents.tools.errors import Delivery, ToolError
from agents.tools.system import SystemCall, operation
from julep_project.core.api.page_bytes import check_page
from julep_project.core.api.views import deletion
from julep_project.core.database import give_connection_back
from julep_project.core.jobs.kind import find_job, job_to_wire
from julep_project.core.limits import LONGEST_ATTEMPT_S
from sessions import selectors, services
from sessions.api.views import SESSIONS
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.context.messages import MessageBody
from sessions.errors import ChatTimedOut, WaitedTooLong
from sessions.history.entries import clear_history, list_visible, whole_history
from sessions.wire import entry_to_wire, history_to_wire

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


ResourceOperations(SESSIONS).register()


@operation("session.history", ids="session_id")
def get_history(call: SystemCall) -> Json:
    """Get what was said in a session, the oldest first."""
    session = selectors.get_session(call.developer, call.id("session_id"))
    return history_to_wire(session, whole_history(session))


@operation("session.history.delete", ids="session_id")
def forget_history(call: SystemCall) -> Json:
    """Forget what was said in a session."""
    session_id = call.id("session_id")
    clear_history(call.developer, session_id)
    return deletion(session_id)


@operation("session.message.list", ids="session_id", page=1000)
def list_messages(call: SystemCall) -> list[Json]:
    """List the messages of a session, the oldest first."""
    page, is_newest_first = call.paging(), call.arguments.get("direction") == "desc"
    rows = list_visible(selectors.get_session(call.developer, call.id("session_id")))
    rows = rows.order_by("-seq" if is_newest_first else "seq")[page.offset : page.offset + page.limit]
    check_page(rows)
    return list(map(entry_to_wire, rows))


@operation("session.message.create", ids="session_id", body=MessageBody)
def add_message(call: SystemCall) -> Json:
    """Add one message to a session without asking a model."""
    entry, _ = services.append_message(
        developer=call.developer,
        session_id=call.id("session_id"),
        message=MessageBody.read(call.arguments),
        entry_id=call.new_id(),
    )
    return entry_to_wire(entry)


@operation("session.tool.list", ids="session_id", page=1000)
def list_tools(call: SystemCall) -> list[Json]:
    """List the tools of the agents of a session."""
    rows = selectors.list_session_tools(call.developer, call.id("session_id"))
    return [tool_as_shown(tool) for tool in call.paging().load(rows)]


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
    return job_to_wire(find_job(call.developer, call.id("job_id")))
