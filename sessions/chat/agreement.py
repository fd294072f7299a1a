"""Goes on with a chat whose calls waited for a person: makes those that were agreed to, as they were asked about.

What is decided is kept before anything is called, and what the calls give before the model is asked. So a chat that
fails then may be repeated, with the same decisions: nothing is called again whose result is known.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from django.db import transaction

from agents.llm.dialogue import result_message
from agents.models import Developer
from agents.tools.decisions import Decision, check_is_person
from julep_project.core.database import run_query
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from sessions.chat.tool_rounds import Made, Toolbox, ToolRound, among_tools, error_text, key_of
from sessions.context.calls import called
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import AgentView, Conversation
from sessions.context.prompt import available_tools
from sessions.errors import ActionMissing, ApprovalChanged, ApprovalOver
from sessions.history.pending import PendingCall, calls_of, decide, find_pending, keep_results
from sessions.models import PendingRound

log = logging.getLogger(__name__)

_UNCLEAR = "the server was lost while it called the tool: what became of the call is not known"


@dataclass(frozen=True, slots=True)
class Settled:
    """A round that is settled: the request that goes on with its results, where they stand in its messages, and whose
    calls they were. Calls that are `pending` wait for something else now."""

    request: ChatRequest
    results: range
    agent_id: UUID
    pending: Sequence[PendingCall] = ()

    def onwards(self, agents: Sequence[AgentView]) -> tuple[AgentView, ...]:
        """The agents that answer now: the one whose calls they were, and those after it."""
        ids = [agent.id for agent in agents]
        return tuple(agents[ids.index(self.agent_id) :])


async def settle(conversation: Conversation, request: ChatRequest, *, deadline: float) -> Settled:
    """Carry out what was decided. The turn of the session is held.

    Raises:
        Forbidden: it is not a person that decides.
        ApprovalOver, ApprovalMismatch, ApprovalChanged, ActionMissing, InvalidInput, BadRequest: nothing was called.
    """
    check_is_person()
    found = await run_query(partial(find_pending, conversation.session, request.approvals))
    agent = _agent_of(conversation, request, found)
    toolbox = Toolbox(
        conversation.developer,
        available_tools(agent, request.tools),
        conversation.presets(agent),
        agent.id,
        conversation.user_id,
        agent.policy,
        may_wait=request.save,
    )
    calls = calls_of(found)
    place = _place_of_results(conversation, request, calls)
    results, pending = found.results, list[PendingCall]()
    if results is None or None in results:
        was_decided = found.decided is not None
        if not was_decided:
            await among_tools(partial(_check_same, toolbox, calls, request.approvals))
            await run_query(partial(_decide, conversation.developer, found, request.approvals))
        round_ = _Round(toolbox, found, calls, request.approvals)
        results, pending = await round_.carry_out(deadline, is_again=was_decided)
        await run_query(partial(keep_results, found, results))
    messages = [_told(call, result) for call, result in zip(calls, results, strict=True) if result is not None]
    goes_on = replace(
        request,
        messages=(*request.messages[:place], *messages, *request.messages[place:]),
        agent=agent.id if found.is_alone else request.agent,
    )
    return Settled(goes_on, range(place, place + len(messages)), agent.id, pending)


class _Round:
    """The calls of a round that was decided about."""

    def __init__(
        self, toolbox: Toolbox, found: PendingRound, calls: Sequence[PendingCall], decisions: Sequence[Decision]
    ) -> None:
        self._toolbox = toolbox
        self._found = found
        self._calls = calls
        self._decisions = {decision.id: decision for decision in decisions}

    async def carry_out(self, deadline: float, *, is_again: bool) -> tuple[list[str | None], list[PendingCall]]:
        """What each call gave: those that need no approval are made too, now that the others are decided about. And
        those that wait for something else now, which gave nothing.

        If it `is_again`, an earlier attempt may have made them. They have the same keys; those that must not be
        repeated are not.
        """
        results = self._known(is_again=is_again)
        # The places of all: which of them are made is not the same in a repetition, and keys are.
        made = [(place, call) for place, call in enumerate(self._calls) if call.id not in results]
        round_ = ToolRound(self._toolbox, [self._made(*each) for each in made], deadline=deadline)
        await round_.run()
        pending = round_.waiting()
        waiting = {call.call["id"] for call in pending}
        told = zip(made, round_.messages(), strict=True)
        results |= {call.id: str(message["content"]) for (_, call), message in told if call.call["id"] not in waiting}
        return [results.get(call.id) for call in self._calls], pending

    def _known(self, *, is_again: bool) -> dict[str, str]:
        """What was given already, and by calls that are not made."""
        earlier = self._found.results or [None] * len(self._calls)
        known = {call.id: result for call, result in zip(self._calls, earlier, strict=True) if result is not None}
        lost = [call for call in self._calls if is_again and self._toolbox.is_at_most_once(call.call)]
        denied = [call for call in self._calls if _is_denied(call, self._decisions)]
        return (
            {call.id: error_text(_UNCLEAR) for call in lost}
            | {call.id: error_text(self._decisions[call.id].told) for call in denied}
            | known
        )

    def _made(self, place: int, call: PendingCall) -> Made:
        key = call.key or key_of(call.call, self._found.id, f"agreed/{place}")
        agreed = None if call.asked is None else call.asked.digest
        return Made(call.call, frozenset(call.sources), key, agreed, call.given(self._decisions.get(call.id)))


def _is_denied(call: PendingCall, decisions: Mapping[str, Decision]) -> bool:
    decision = decisions.get(call.id)
    return decision is not None and not decision.approves


def _decide(developer: Developer, found: PendingRound, decisions: Sequence[Decision]) -> None:
    with transaction.atomic():
        decide(developer.pk, found, decisions)
    for decision in decisions:
        fields = {"session_id": found.session_id, "call_id": decision.id, "decision": decision.shown()["decision"]}
        log.info("approval decided", extra={"action": "approval_decided", **fields})


def _agent_of(conversation: Conversation, request: ChatRequest, found: PendingRound) -> AgentView:
    agent = next((agent for agent in conversation.agents if agent.id == found.agent_id), None)
    if agent is None:
        raise ApprovalOver("The agent that made the call does not take part in the session any more")
    if request.agent not in (None, agent.id):
        raise BadRequest("The calls that were decided about are those of another agent")
    return agent


def _place_of_results(conversation: Conversation, request: ChatRequest, calls: Sequence[PendingCall]) -> int:
    """Where in the messages of the request the results belong: behind the message that makes the calls. That is the
    last one of the history, or, of a chat that was not saved, one that the client sends."""
    wanted = {call.call["id"] for call in calls}
    for place, message in reversed(list(enumerate(request.messages))):
        if wanted <= set(called(message)):
            return place + 1
    made = {call["id"] for entry in conversation.entries for call in entry.tool_calls or ()}
    if not wanted <= made:
        raise BadRequest("No message of the conversation makes the calls that were decided about")
    return 0


def _check_same(toolbox: Toolbox, calls: Sequence[PendingCall], decisions: Sequence[Decision]) -> None:
    """Whether the calls are those that were asked about, and what they need was done; nobody has to do what they do not
    agree to.

    Raises:
        ApprovalChanged, ActionMissing
    """
    approved = {decision.id for decision in decisions if decision.approves}
    for call in calls:
        if call.asked is None:
            continue
        asked = toolbox.asked_about(call.call, frozenset(call.sources))
        # What was answered is for the other side that asked.
        if call.key and not toolbox.is_same(call.call, call.asked):
            raise ApprovalChanged
        if asked is None and call.asked.action is not None:
            continue  # it was done
        if asked is None or asked.digest != call.asked.digest:
            raise ApprovalChanged
        if asked.action is not None and call.id in approved:
            raise ActionMissing(str(asked.action["message"]))


def _told(call: PendingCall, result: str) -> dict[str, Json]:
    return {**result_message(call.call, result), "name": call.call["function"]["name"]}
