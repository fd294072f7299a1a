"""Runs tools of the kind `agent`: a message to another agent, in a session of its own, and its answer.

Whoever calls from the same session, or the same run, goes on with the same conversation. A call that is made again gets
the answer it got.
"""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from agents.calls.purpose import current_purpose
from agents.models import Agent
from agents.spending.attribution import current_attribution
from agents.spending.budgets import BudgetSpent, within_budget
from agents.tools.errors import BadArguments, Delivery, NotYet, ReportedError, ToolError
from agents.tools.registry import ToolCall
from agents.tools.system import as_tool_error
from julep_project.core.database import give_connection_back
from julep_project.core.errors import DomainError
from julep_project.core.json_value import Json
from julep_project.core.limits import LONGEST_ATTEMPT_S
from julep_project.core.reading.validation import parse_uuid
from julep_project.core.tenancy import get_or_not_found
from sessions import selectors
from sessions.agent_tools.bounds import place_for
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.errors import ChatTimedOut, SessionBusy, WaitedTooLong
from sessions.models import OnBusy
from sessions.services import SessionServices

_LOOKS_EVERY_S = 1.0


class AgentWaits(ReportedError):
    """The agent cannot answer before somebody has done something in its session."""

    kind = "AgentWaits"


class AgentSpeaks(NotYet):
    """The agent answers another call of the same conversation."""

    kind = "AgentSpeaks"
    waits_for = "other calls of a conversation"


class AgentBudgetSpent(ReportedError):
    """The session of the agent has cost as much as it may."""

    kind = "AgentBudgetSpent"


def run(call: ToolCall) -> Json:
    """What the agent says.

    Raises:
        AgentWaits, AgentBudgetSpent, AgentSpeaks, TooManyChats, BadArguments, ToolError
    """
    message = call.arguments.get("message")
    if not isinstance(message, str) or not message.strip():
        raise BadArguments("`message` must be a text that is not empty")
    try:
        with place_for(call):
            session_id = _session(call)
            answer = _answer(call, session_id, message)
    except (ChatTimedOut, WaitedTooLong) as error:
        raise ToolError(error.message, repeatable=True, delivery=Delivery.UNCLEAR) from error
    except SessionBusy as error:
        raise (AgentSpeaks(error.message, _LOOKS_EVERY_S) if call.comes_again else as_tool_error(error)) from error
    except BudgetSpent as error:
        raise AgentBudgetSpent(error.message) from None
    except DomainError as error:
        raise as_tool_error(error) from error
    choice = answer["choices"][0]
    if answer.get("requires_action") or choice["message"].get("tool_calls"):
        raise AgentWaits(f"the agent waits for what is done about its calls in the session {session_id}")
    return text_of(choice)


def _answer(call: ToolCall, session_id: UUID, message: str) -> Any:
    # A run comes again, and no worker waits for the answers to its other calls; a chat queues.
    on_busy = OnBusy.REJECT if call.comes_again else OnBusy.ENQUEUE
    asked = ChatCall(
        developer=call.developer,
        session_id=session_id,
        request=ChatRequest.read({"messages": [{"role": "user", "content": message}], "on_busy": on_busy.value}),
        chat_id=uuid5(call.developer.pk, call.idempotency_key),
        timeout_s=min(call.timeout_s or LONGEST_ATTEMPT_S, LONGEST_ATTEMPT_S),
        admit=call.turn,
    )
    most = call.spec.get("max_cost")
    give_connection_back()
    with within_budget(session_id, None if most is None else Decimal(str(most))):
        return asyncio.run(answer_chat(asked))


def _session(call: ToolCall) -> UUID:
    """The session in which the agent is asked: that of whoever calls, or a new one for each call."""
    agents = Agent.objects.for_developer(call.developer)
    agent = get_or_not_found(agents, parse_uuid(str(call.spec.get("agent_id")), "agent_id"), "Agent")
    whom = current_attribution()
    caller = whom.session_id or whom.execution_id
    goes_on = call.spec.get("remembers", True) and caller is not None
    place = f"{caller}/{call.name}/{agent.pk}" if goes_on else call.idempotency_key
    session_id = uuid5(call.developer.pk, f"agent tool/{place}")
    if selectors.list_sessions(call.developer).filter(pk=session_id).exists():
        return session_id
    about = current_purpose().about
    called_by = {"session_id": whom.session_id, "execution_id": whom.execution_id, "user_id": about}
    values = {
        "agents": [agent.pk],
        "users": [],
        "auto_run_tools": True,
        "metadata": {"called_by": {name: str(value) for name, value in called_by.items() if value}},
    }
    try:
        with transaction.atomic():
            SessionServices().create(developer=call.developer, values=values, row_id=session_id)
    except IntegrityError:
        selectors.get_session(call.developer, session_id)  # another call of the same caller was quicker
    return session_id


def text_of(choice: Any) -> str:
    """The text of an answer."""
    content = choice.get("message", {}).get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part.get("text") or "" for part in parts if isinstance(part, dict))
