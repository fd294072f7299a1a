"""Runs the tools a model calls during a chat, between one question to the model and the next."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TypeVar
from uuid import UUID, uuid5

import orjson
from django.conf import settings
from django.db import connection

from agents.llm.dialogue import Call, UnreadableArguments, arguments_of, completed, result_message
from agents.models import Developer
from agents.policy.influence import Influence
from agents.policy.policy import DEFAULT_POLICY, Policy
from agents.policy.sources import Sources, sources_of_tool, together
from agents.tool_kinds import SERVER_RUN
from agents.tools.actions import ActionNeeded, Given
from agents.tools.approval import ApprovalNeeded, AskedCall, as_asked_about, check_agreed, may_need_agreement
from agents.tools.errors import BadArguments, Delivery, NotYet, StillRunning, ToolError
from agents.tools.presentation import shown_name
from agents.tools.presets import NO_PRESETS, Presets, apply
from agents.tools.registry import Caller
from agents.tools.runners import current_depth, run_tool
from agents.tools.signing_in import check_signed_in, wants_sign_in
from agents.tools.supplied import WantedCall
from julep_project.core.errors import DomainError
from julep_project.core.json_value import Json
from julep_project.core.process.panics import contained
from julep_project.core.process.threads import run_in
from julep_project.core.reading.jsontext import NotStorable, to_json_text
from julep_project.core.work.backoff import Backoff
from sessions.history.pending import PendingCall

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# What waits are the calls of one reply for each chat that was let in; a reply is bounded in length and in calls.
_EXECUTOR = ThreadPoolExecutor(max_workers=settings.CHAT_TOOL_THREADS, thread_name_prefix="chat-tool")


# At a run that a call has begun.
_LOOKS = Backoff(first_s=0.05, cap_s=1.0)


@dataclass(frozen=True, slots=True)
class Made:
    """A call as it is made. `sources`: of what the model has read that makes it. `key`: its idempotency key. `agreed`:
    the digest of what a person has agreed to. One that has waited is `given` what it was answered."""

    call: Call
    sources: Sources
    key: str
    agreed: str | None = None
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """A call that cannot go on before somebody has done something: as they are told of it, and what it keeps."""

    asked: AskedCall
    kept: Json


class Toolbox:
    """The tools one agent may use in a chat."""

    def __init__(
        self,
        developer: Developer,
        tools: Sequence[Mapping[str, Json]],
        presets: Presets = NO_PRESETS,
        agent_id: UUID | None = None,
        user_id: UUID | None = None,
        policy: Policy = DEFAULT_POLICY,
        *,
        may_wait: bool = False,
    ) -> None:
        """`agent_id`: whose secrets come first. `user_id`: in whose name calls are made. `policy`: the agent's.
        `may_wait`: whether people can be asked something by calls that have begun, for a later chat."""
        self._may_wait = may_wait
        self._agent_id = agent_id
        self._user_id = user_id
        self._policy = policy
        self._developer = developer
        self._presets = presets
        self._tools = {shown_name(tool): tool for tool in reversed(tools)}

    def is_for_client(self, call: Call) -> bool:
        """Whether the client has to answer the call. One to a name nobody knows is answered here, with an error."""
        tool = self._tools.get(call["function"]["name"])
        return tool is not None and tool.get("type") not in SERVER_RUN

    def completed(self, call: Call) -> dict[str, Json]:
        """The call as the client gets it."""
        tool = self._tools.get(call["function"]["name"])
        return dict(call) if tool is None else completed(call, partial(apply, self._presets, tool), to_json_text)

    def sources_of(self, calls: Iterable[Call]) -> Sources:
        """Where the results of the calls come from."""
        return together(sources_of_tool(self._tools.get(call["function"]["name"])) for call in calls)

    def asked_about(self, call: Call, sources: Sources) -> AskedCall | None:
        """What a person is asked before the call is made, to agree or to sign in; None if nobody is, or it cannot be
        made as it is. `sources`: of what the model has read that makes it. Blocks; may use the database."""
        tool = self._tools.get(call["function"]["name"])
        asked = None
        try:
            if tool is None:
                return None
            wanted = self._wanted(tool, call)
            if may_need_agreement(tool, self._policy, self._presets):
                try:
                    check_agreed(wanted, influence=Influence(self._policy, sources))
                except ApprovalNeeded as needed:
                    asked = needed.asked
            action = self._action_before(tool)
            if action is None:
                return asked
            return as_asked_about(wanted, {**action, "needs_approval": asked is not None}, asked)
        except (BadArguments, UnreadableArguments):
            return asked  # the model is told when the call is made

    def is_same(self, call: Call, asked: AskedCall) -> bool:
        """Whether it would be the call that somebody was asked about. Blocks."""
        tool = self._tools.get(call["function"]["name"])
        try:
            return tool is not None and as_asked_about(self._wanted(tool, call), None).digest == asked.digest
        except BadArguments:
            return False

    def _action_before(self, tool: Mapping[str, Json]) -> dict[str, Json] | None:
        """What somebody has to do before calls of the tool can be made."""
        if not wants_sign_in(tool):
            return None
        try:
            with suppress(ToolError, DomainError):
                try:
                    check_signed_in(self._developer, tool, self._user_id)
                except ActionNeeded as needed:
                    return needed.shown
            return None  # what else is wrong the model is told when the call is made
        finally:
            connection.close()

    def may_ask_about(self, calls: Sequence[Call]) -> bool:
        """Whether one of the calls is to a tool that a person may be asked about, or in whose name it calls."""
        tools = (self._tools.get(call["function"]["name"]) for call in calls)
        return any(
            tool is not None and (may_need_agreement(tool, self._policy, self._presets) or wants_sign_in(tool))
            for tool in tools
        )

    def is_at_most_once(self, call: Call) -> bool:
        """Whether the call must not be repeated."""
        return self._tools.get(call["function"]["name"], {}).get("at_most_once") is True

    def run(self, made: Made, deadline: float, turn_until: float = 0.0) -> str | NotYet | StillRunning | Waits:
        """The text the model gets as the result of its call: an error as `{"error": ...}`. Blocks; uses the database.

        The tool may have been called with the same key before, when an earlier attempt was lost. It ends by
        `deadline`, a time of the monotonic clock. A call whose turn has not come was not made; it may be made again, as
        may one that has begun a run which goes on, or for which somebody has done what it waits for. `turn_until`: how
        long it comes again for its turn.
        """
        name = made.call["function"]["name"]
        try:
            with contained():
                return self._result(made, deadline, turn_until)
        except (NotYet, StillRunning) as again:
            return again
        except ActionNeeded as needed:
            if not self._may_wait:
                return error_text(needed.message)
            wanted = self._wanted(self._tools[name], made.call)
            return Waits(as_asked_about(wanted, {**needed.shown, "needs_approval": False}), needed.action.kept)
        except (ToolError, DomainError) as error:
            return error_text(error.message)
        except (NotStorable, UnreadableArguments) as error:
            return error_text(str(error))
        except Exception:
            log.exception("tool raised", extra={"tool": name})
            return error_text("internal error while running the tool")
        finally:
            connection.close()

    def _result(self, made: Made, deadline: float, turn_until: float) -> str:
        name = made.call["function"]["name"]
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise ToolError(f"there is no tool {name!r}; the tools are: {known}")
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise ToolError("the chat is over: the tool was not called", delivery=Delivery.NOT_SENT)
        caller = Caller(
            self._developer,
            made.key,
            timeout_s=seconds_left,
            patience_s=turn_until - time.monotonic(),
            agent_id=self._agent_id,
            user_id=self._user_id,
            given=made.given,
            may_wait=self._may_wait,
        )
        influence = Influence(self._policy, made.sources)
        value = run_tool(caller, self._wanted(tool, made.call), agreed=made.agreed, influence=influence)
        text = value if isinstance(value, str) else to_json_text(value)
        if len(text) > settings.MAX_STEP_OUTPUT_BYTES:
            raise ToolError(f"the result is larger than {settings.MAX_STEP_OUTPUT_BYTES} bytes")
        to_json_text(text)
        return text

    def _wanted(self, tool: Mapping[str, Json], call: Call) -> WantedCall:
        return WantedCall(tool, arguments_of(call), presets=self._presets, from_model=True)


class ToolRound:
    """The calls of one message of a model, run at the same time."""

    def __init__(self, toolbox: Toolbox, calls: Sequence[Made], *, deadline: float) -> None:
        """No tool runs longer than until `deadline`."""
        self._toolbox = toolbox
        self._calls = calls
        self._deadline = deadline
        self._results: dict[int, str | Waits] = {}

    async def run(self) -> None:
        """Run every call in a thread of its own. A tool that has begun is not stopped by cancelling this."""
        await asyncio.gather(*(self._run_one(number) for number in range(len(self._calls))))

    def messages(self) -> list[dict[str, Json]]:
        """One result per call, in order; a call that was not waited for has an error as its result."""
        lost = error_text("the chat was stopped while the tool ran: what became of the call is not known")
        found = [(made.call, self._results.get(number, lost)) for number, made in enumerate(self._calls)]
        return [
            {**result_message(call, _UNANSWERED if isinstance(result, Waits) else result), "name": _name_of(call)}
            for call, result in found
        ]

    def waiting(self) -> list[PendingCall]:
        """The calls that wait for somebody to do something."""
        found = [(self._calls[number], result) for number, result in self._results.items()]
        return [
            PendingCall.of(made.call, result.asked, made.sources, key=made.key, kept=result.kept)
            for made, result in found
            if isinstance(result, Waits)
        ]

    async def _run_one(self, number: int) -> None:
        # A tool may lead back here; the context carries how deep.
        patience = _Patience(self._deadline)
        work = partial(self._toolbox.run, self._calls[number], self._deadline, patience.turn_until)
        while not isinstance(result := await among_tools(work), str | Waits):
            wait_s = patience.wait_s(result)
            if wait_s is None:
                result = _given_up(result)
                break
            # No thread is held meanwhile: others have calls of their own to make.
            await asyncio.sleep(wait_s)
        self._results[number] = result


def _given_up(why: NotYet | StillRunning) -> str:
    return to_json_text(why.meanwhile) if isinstance(why, StillRunning) else error_text(why.message)


class _Patience:
    """How long a call waits for its turn, and then for the run that it has begun."""

    def __init__(self, deadline: float) -> None:
        self.turn_until = min(deadline, time.monotonic() + settings.TOOL_RATE_WAIT_S)
        self._run_until: float | None = None
        self._pauses = count()

    def wait_s(self, why: NotYet | StillRunning) -> float | None:
        """After how long to call again; None: no more."""
        now, most_s = time.monotonic(), why.wait_s or 0.0
        if isinstance(why, NotYet):
            return most_s if now + most_s <= self.turn_until else None
        if self._run_until is None:
            self._run_until = now + most_s
        left_s = self._run_until - now
        return min(_LOOKS.pause_s(next(self._pauses)), left_s) if left_s > 0 else None


async def among_tools(work: Callable[[], Result]) -> Result:
    """Run what may wait for others, in the threads of tools.

    A chat that a tool started has a loop of its own, with threads of its own: those of the others may all be waiting
    for it.
    """
    return await run_in(None if current_depth() else _EXECUTOR, work)


def error_text(message: str) -> str:
    """The result of a call that gave none."""
    return orjson.dumps({"error": message.encode(errors="replace").decode()}).decode()


_UNANSWERED = error_text("the call waits for what somebody has to do first, and nobody was asked")


def _name_of(call: Call) -> str:
    return str(call["function"]["name"])


def key_of(call: Call, where: UUID, place: str) -> str:
    """The idempotency key of a call at that `place` of a chat or a round: the same when what was lost is repeated and
    the call is made again there."""
    function = call["function"]
    return str(uuid5(where, f"{place}/{function['name']!a}/{function['arguments']!a}"))
