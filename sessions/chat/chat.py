"""One chat, from its place in the queue to the answer: agents speak one after the other, and everything is saved once.

No database connection is held between the steps. Whatever ends a chat early, the session is left consistent: either
what was said is saved with the messages it answers, or nothing is.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from agents.calls.purpose import calling_for
from agents.models import Developer
from agents.policy.sources import Sources, together
from agents.spending.attribution import attributed
from agents.tools.runners import current_depth
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError, PromptTooBig
from julep_project.core.json_value import Json
from julep_project.core.process.cancellation import end_tasks
from julep_project.core.process.threads import in_thread
from julep_project.core.storage_errors import as_domain_error
from sessions.chat.agreement import Settled, settle
from sessions.chat.chat_wire import Envelope, chunks_of, total_usage
from sessions.chat.observing import observed
from sessions.chat.speaker import ChatContext, OnDelta, Said, Speaker
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import AgentView, Conversation, load_conversation
from sessions.context.prompt import Prompt, build_prompt
from sessions.context.reading import sources_of_prompt, sources_of_session
from sessions.context.recalled import joined, recall_docs
from sessions.errors import (
    ChatNotRead,
    ChatTimedOut,
    SessionBusy,
    TurnDropped,
    TurnLost,
    TurnStopped,
    WaitedTooLong,
)
from sessions.history.entries import new_entry, save_entries
from sessions.history.pending import Pending, forget_pending, keep_pending
from sessions.history.turns import (
    LEASES,
    end_turn,
    enter_turn,
    find_answer,
    finish_turn,
    held_turn,
    keep_answer,
    stop_of,
    told_to_stop,
    wait_for_turn,
)
from sessions.models import Entry, EntrySource, Session, Turn
from sessions.shortening.overflow import Size, request_after_refusal, request_shortening

log = logging.getLogger(__name__)

# Sessions of the chats that led here: a tool may chat in turn. Every chat runs in a task, so in a context of its own.
_under_way: ContextVar[frozenset[UUID]] = ContextVar("chats_under_way", default=frozenset())


class ClientLeft(TurnStopped):
    """The client closed the connection."""


# No other chat stopped it: with nothing to keep, the client may send the same again.
_CUT_SHORT = (ClientLeft, ChatNotRead, ChatTimedOut)


@dataclass(frozen=True, slots=True)
class ChatCall:
    """What one client asks for.

    `chat_id` is given by a caller that may have to repeat the call after a crash: once it was answered, every
    repetition gets the same answer. `timeout_s` is less than a chat may take. `admit` is called once it is this chat's
    turn, and blocks; what it raises ends the chat, before anybody was asked anything.
    """

    developer: Developer
    session_id: UUID
    request: ChatRequest
    custom_key: str | None = None
    request_id: str | None = None
    chat_id: UUID | None = None
    timeout_s: float | None = None
    admit: Callable[[], None] | None = None


class Chat:
    """Carries out one call. `on_delta` gets the text of replies as it arrives; without it they are asked for whole."""

    def __init__(self, call: ChatCall, on_delta: OnDelta | None = None) -> None:
        self.envelope = Envelope() if call.chat_id is None else Envelope(id=str(call.chat_id))
        self._call = call
        self._on_delta = on_delta
        self._docs: dict[UUID, list[dict[str, Json]]] = {}
        self._prompts: list[Prompt] = []
        self._speakers: list[Speaker] = []
        self._deadline = time.monotonic() + min(settings.CHAT_TIMEOUT_S, call.timeout_s or math.inf)
        self._ending: asyncio.Future[TurnStopped] = asyncio.get_running_loop().create_future()
        self._stopped: TurnStopped | None = None
        self._earlier: dict[str, Json] | None = None
        self._settled: Settled | None = None
        self._pending: Pending | None = None

    def begin(self) -> "asyncio.Task[None]":
        """Run in a task that outlives whoever waits for it."""
        task = asyncio.create_task(observed(self._call.session_id, self.envelope.id, self.run))
        _tasks.add(task)
        task.add_done_callback(_forget)
        return task

    async def run(self) -> None:
        """Return when everything is said and saved.

        Raises:
            NotFound, BadRequest: nothing was asked of a model.
            PromptTooBig, ModelRefused, ModelUnavailable, ReplyTooLong, TooManyToolRounds: nothing is saved.
            SessionBusy, TurnDropped, TurnLost: nothing is saved.
            TurnInterrupted: what was asked and said until then is saved.
            ClientLeft, ChatNotRead, ChatTimedOut: so it is, unless nothing was said yet, or the call has a `chat_id`
                and will be repeated.
            An error is final when tools have run: the tools of a repetition would run again.
        """
        call = self._call
        if call.session_id in _under_way.get():
            raise SessionBusy("A tool of a chat cannot chat on the same session: the chat waits for the tool")
        _under_way.set(_under_way.get() | {call.session_id})
        seconds = self._deadline - time.monotonic()
        timer = asyncio.get_running_loop().call_later(seconds, self.stop, ChatTimedOut())
        try:
            if not await self._was_answered():
                await self._take_turn()
        except (DomainError, DatabaseError) as error:
            final = self._final(error)
            if final is None or final is error:
                raise
            raise final from error
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Stop, because nobody waits for the answer any more."""
        self.stop(ClientLeft())

    def stop(self, why: TurnStopped) -> None:
        """Stop and keep what was said. The first reason counts."""
        if not self._ending.done():
            self._ending.set_result(why)

    def answer(self) -> dict[str, Json]:
        """The whole answer of a chat that has run."""
        if self._earlier is not None:
            return self._earlier
        return self.envelope.around([speaker.choice() for speaker in self._speakers], self._usage(), self._asked())

    def last_chunks(self) -> list[dict[str, Json]]:
        """What ends the answer of a chat that has run; all of it when it was answered before."""
        if self._earlier is not None:
            return chunks_of(self._earlier)
        ends = [speaker.last_chunk() for speaker in self._speakers]
        return [self.envelope.around(ends, self._usage(), self._asked())]

    async def _take_turn(self) -> None:
        call = self._call
        enter = partial(enter_turn, call.developer, call.session_id, call.request.on_busy, chat_id=call.chat_id)
        turn = await run_query(enter)
        with LEASES.holding(held_turn(turn)):
            try:
                await self._wait_for(turn)
                # It may have waited for an attempt of this very chat that was thought to be lost.
                if await self._was_answered():
                    await _let_go(turn)
                    return
                if call.admit is not None:
                    await in_thread(call.admit)
                load = partial(load_conversation, call.developer, call.session_id, call.request)
                conversation = await run_query(load)
                with attributed(session_id=conversation.session.pk), calling_for(key=self.envelope.id):
                    if call.request.approvals:
                        conversation = await self._settle(conversation)
                    await self._let_speak(conversation, turn)
                await self._save(conversation.session, turn)
            except BaseException as error:
                await _let_go(turn)
                if isinstance(error, PromptTooBig):
                    await self._ask_for_job(error)
                raise
        if self._stopped is not None:
            raise self._stopped

    async def _wait_for(self, turn: Turn) -> None:
        try:
            await self._unless_stopped(wait_for_turn(turn))
        except ChatTimedOut:
            raise WaitedTooLong from None

    async def _was_answered(self) -> bool:
        """Whether an earlier attempt of this chat came to an answer, which then is the answer of this one."""
        call = self._call
        if call.chat_id is not None:
            self._earlier = await run_query(partial(find_answer, call.developer, call.session_id, call.chat_id))
        return self._earlier is not None

    def _final(self, error: DomainError | DatabaseError) -> DomainError | None:
        """The error, marked as final, when tools have run; None when they have not, or when it is a bug."""
        if not any(speaker.has_run_tools for speaker in self._speakers):
            return None
        if isinstance(error, DatabaseError):
            known = as_domain_error(error, operation="chat", resource="Session")
        else:
            known = error
        if known is not None:
            known.is_final = True
        return known

    async def _settle(self, conversation: Conversation) -> Conversation:
        """Make the calls that were agreed to. The conversation as it goes on with their results."""
        self._settled = await settle(conversation, self._call.request, deadline=self._deadline)
        self._call = replace(self._call, request=self._settled.request)
        call = self._call
        return await run_query(partial(load_conversation, call.developer, call.session_id, call.request))

    async def _let_speak(self, conversation: Conversation, turn: Turn) -> None:
        """Let the agents speak one after the other, until somebody stops them."""
        answering = conversation.speakers(self._call.request.agent)
        if self._settled is not None:
            answering = self._settled.onwards(answering)
        # A chat that is interrupted keeps what it was asked, which has to be rendered for that.
        await self._unless_stopped(self._begin(conversation, answering))
        self._stopped = await run_query(partial(stop_of, turn))
        if self._stopped is None:
            await self._unless_stopped(self._speak(conversation, answering), told_to_stop(turn))

    async def _speak(self, conversation: Conversation, answering: Sequence[AgentView]) -> None:
        context = self._context(conversation.session)
        for index, agent in enumerate(answering):
            if index:
                await self._prepare(conversation, agent)
            name = agent.row.name if len(conversation.agents) > 1 else None
            prompt = self._prompts[index]
            pending = () if self._settled is None or index else self._settled.pending
            sources = self._sources(conversation, prompt)
            speaker = Speaker(context, prompt, index=index, name=name, sources=sources, pending=pending)
            self._speakers.append(speaker)
            with attributed(agent_id=agent.id, project_id=agent.row.project_id):
                await speaker.speak()
            if speaker.pending:
                is_alone = self._call.request.agent is not None
                self._pending = Pending.of(agent.id, speaker.pending, is_alone=is_alone)
                return

    async def _begin(self, conversation: Conversation, answering: Sequence[AgentView]) -> None:
        """Recall the docs of all who answer, which every chunk names, and make the first prompt."""
        metadata = self._usage_metadata(conversation.session)
        first = answering[0]
        with attributed(agent_id=first.id, project_id=first.row.project_id):
            self._docs = await recall_docs(conversation, self._call.request, answering, usage_metadata=metadata)
        self.envelope.docs = joined(self._docs.values())
        await self._prepare(conversation, answering[0])

    async def _prepare(self, conversation: Conversation, agent: AgentView) -> None:
        """Make the agent's prompt. Later agents are told what was said before them."""
        replies = [speaker.for_other_agents() for speaker in self._speakers]
        prompt = await build_prompt(
            conversation,
            self._call.request,
            agent,
            said=[message for message in replies if message["content"]],
            docs=self._docs[agent.id],
        )
        self._prompts.append(prompt)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None], *stops: Coroutine[Any, Any, TurnStopped]) -> None:
        """Do the work until it is done, the chat is to end, or one of the stops says how it ends.

        Raises:
            what the work raises; why it is to end, when nothing else may stop the work: then nobody has spoken yet.
        """
        doing = asyncio.ensure_future(work)
        watching: list[asyncio.Future[TurnStopped]] = [asyncio.ensure_future(stop) for stop in stops]
        any_of: set[asyncio.Future[Any]] = {doing, self._ending, *watching}
        try:
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(doing, *watching)
        if not doing.cancelled():
            doing.result()
            return
        self._stopped = next(
            watch.result() for watch in (*watching, self._ending) if watch.done() and not watch.cancelled()
        )
        if not stops:
            raise self._stopped

    def _sources(self, conversation: Conversation, prompt: Prompt) -> Sources:
        """Of what an agent is asked with: all that was said before, by others for this answer too, and its own docs."""
        before = [sources_of_session(conversation.session), *(speaker.sources for speaker in self._speakers)]
        return together(before) | sources_of_prompt(prompt.docs, prompt.new_messages, prompt.tools)

    def _read(self) -> Sources:
        """Of all that this chat has read, whether somebody spoke or not."""
        asked = (sources_of_prompt(prompt.docs, prompt.new_messages, prompt.tools) for prompt in self._prompts)
        return together([*asked, *(speaker.sources for speaker in self._speakers)])

    def _context(self, session: Session) -> ChatContext:
        wanted = self._call.request.auto_run_tools
        auto_run = session.auto_run_tools if wanted is None else wanted
        return ChatContext(
            developer=self._call.developer,
            chat_id=UUID(self.envelope.id),
            auto_run_tools=auto_run and not session.forward_tool_calls,
            overflow=session.context_overflow,
            deadline=self._deadline,
            asks_people=self._call.request.save and not current_depth(),
            custom_key=self._call.custom_key,
            usage_metadata=self._usage_metadata(session),
            on_delta=self._on_delta,
        )

    def _usage_metadata(self, session: Session) -> dict[str, str]:
        metadata = {"session_id": str(session.pk), "chat_id": self.envelope.id}
        return {**metadata, "request_id": self._call.request_id} if self._call.request_id else metadata

    async def _save(self, session: Session, turn: Turn) -> None:
        """Store the messages of the request and everything said, and finish the turn, in one transaction."""
        if isinstance(self._stopped, TurnDropped | TurnLost):
            raise self._stopped
        said = [entry for speaker in self._speakers for entry in speaker.said()]
        if isinstance(self._stopped, _CUT_SHORT) and (self._call.chat_id is not None or not said):
            raise self._stopped
        # Counting the tokens of long messages takes a while, and queries have few threads.
        asked, replies = await in_thread(self._entries, said) if self._call.request.save else ([], [])
        await run_query(partial(self._store, session, turn, asked, replies))

    def _store(self, session: Session, turn: Turn, asked: Sequence[Entry], replies: Sequence[Entry]) -> None:
        saves, is_answered = self._call.request.save, self._stopped is None
        with transaction.atomic():
            if saves:
                save_entries(session.pk, [*asked, *replies], turn=turn, sources=self._read())
            else:
                finish_turn(turn)
            if saves and is_answered:
                self._ask_for_room(session, replies)
            if self._settled is not None:
                forget_pending(session.pk)
            if self._pending is not None and is_answered:
                keep_pending(session.pk, self._pending)
            if is_answered and self._call.chat_id is not None:
                keep_answer(turn, self.answer())

    def _entries(self, said: Sequence[Said]) -> tuple[list[Entry], list[Entry]]:
        """The messages of the request and what was said, as they are stored."""
        results = range(0) if self._settled is None else self._settled.results
        asked = [
            new_entry(
                message,
                source=EntrySource.TOOL_RESPONSE if place in results else EntrySource.API_REQUEST,
                model=self._prompts[0].model,
            )
            for place, message in enumerate(self._prompts[0].new_messages)
        ]
        replies = [
            new_entry(one.message, source=one.source, model=one.model, written_by=one.written_by) for one in said
        ]
        return asked, replies

    def _ask_for_room(self, session: Session, replies: Sequence[Entry]) -> None:
        """Have the history shortened when the next prompt might not fit."""
        size = Size.after(self._prompts, sum(reply.token_count for reply in replies))
        job_id = request_shortening(session, size)
        if job_id is not None:
            self.envelope.jobs = [str(job_id)]

    async def _ask_for_job(self, error: PromptTooBig) -> None:
        """Have the history of an `adaptive` session shortened, or it would refuse every chat from now on."""
        size = Size.refused(error, self._prompts)
        if size is not None:
            call = self._call
            job_id = await run_query(partial(request_after_refusal, call.developer, call.session_id, size))
            error.extra["jobs"] = [] if job_id is None else [str(job_id)]

    def _asked(self) -> list[dict[str, Json]]:
        return [] if self._pending is None else self._pending.to_wire()

    def _usage(self) -> dict[str, int]:
        return total_usage(usage for speaker in self._speakers for usage in speaker.usages)


async def answer_chat(call: ChatCall) -> dict[str, Json]:
    """The answer to a chat that is not streamed. Cancelling it means that the client has left.

    Raises:
        what `Chat.run` raises
    """
    chat = Chat(call)
    task = chat.begin()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        chat.leave()
        raise
    return chat.answer()


async def _let_go(turn: Turn) -> None:
    try:
        await run_query(partial(end_turn, turn))
    except DatabaseError:
        log.warning("turn not let go; its lease will run out", exc_info=True, extra={"turn": turn.pk})


_tasks: set["asyncio.Task[None]"] = set()


def _forget(task: "asyncio.Task[None]") -> None:
    _tasks.discard(task)
    if not task.cancelled():
        # Whoever waits gets the exception; when nobody does any more, it is not worth a warning.
        task.exception()
