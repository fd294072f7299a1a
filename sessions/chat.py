"""One chat, from its place in the queue to the answer: agents speak one after the other, and everything is saved once.

No database connection is held between the steps. Whatever ends a chat early, the session is left consistent: either
what was said is saved with the messages it answers, or nothing is.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import transaction

from agents.models import Developer
from julep_project.core.database import run_query
from sessions.chat_request import ChatRequest
from sessions.chat_wire import Envelope
from sessions.context.prompt import Prompt, build_prompt
from sessions.conversation import AgentView, Conversation, load_conversation
from sessions.entries import NewEntry, save_entries
from sessions.errors import SessionBusy, TurnDropped, TurnLost, TurnStopped
from sessions.models import EntrySource, Session, Turn
from sessions.overflow import request_shortening
from sessions.reply import total_usage
from sessions.speaker import Hear, Said, Scene, Speaker
from sessions.turns import KEEPER, end_turn, enter_turn, finish_turn, stop_of, told_to_stop, wait_for_turn

log = logging.getLogger(__name__)

# Sessions of the chats that led here: a tool may chat in turn. Every chat runs in a task, so in a context of its own.
_under_way: ContextVar[frozenset[UUID]] = ContextVar("chats_under_way", default=frozenset())

Json = Any


class ClientLeft(TurnStopped):
    """The client closed the connection."""


@dataclass(frozen=True, slots=True)
class ChatCall:
    """What one client asks for."""

    developer: Developer
    session_id: UUID
    request: ChatRequest
    custom_key: str | None = None


class Chat:
    """Carries out one call. `hear` is given the text of replies as they are said; without it they come in one piece."""

    def __init__(self, call: ChatCall, hear: Hear | None = None) -> None:
        self.envelope = Envelope()
        self._call = call
        self._hear = hear
        self._prompts: list[Prompt] = []
        self._speakers: list[Speaker] = []
        self._left: asyncio.Future[TurnStopped] = asyncio.get_running_loop().create_future()
        self._stopped: TurnStopped | None = None

    def begin(self) -> "asyncio.Task[None]":
        """Run in a task that outlives whoever waits for it."""
        task = asyncio.create_task(self.run())
        _tasks.add(task)
        task.add_done_callback(_forget)
        return task

    async def run(self) -> None:
        """Return when everything is said and saved.

        Raises:
            NotFound, BadRequest: nothing was asked of a model.
            PromptTooBig, ModelRefused, ModelUnavailable, TooManyToolRounds: nothing is saved.
            SessionBusy, TurnDropped, TurnLost: nothing is saved.
            TurnInterrupted: what was asked and said until then is saved.
            ClientLeft: so it is, unless nothing was said yet.
        """
        call = self._call
        if call.session_id in _under_way.get():
            raise SessionBusy("A tool of a chat cannot chat on the same session: the chat waits for the tool")
        _under_way.set(_under_way.get() | {call.session_id})
        turn = await run_query(partial(enter_turn, call.developer, call.session_id, call.request.on_busy))
        with KEEPER.holding(turn.pk):
            try:
                await self._unless_stopped(wait_for_turn(turn))
                conversation = await run_query(partial(load_conversation, call.developer, call.session_id))
                await self._let_speak(conversation, turn)
                await self._save(conversation.session, turn)
            except BaseException:
                await _let_go(turn)
                raise
        if self._stopped is not None:
            raise self._stopped

    def leave(self) -> None:
        """Stop, because nobody waits for the answer any more."""
        if not self._left.done():
            self._left.set_result(ClientLeft())

    def answer(self) -> dict[str, Json]:
        """The whole answer of a chat that has run."""
        return self.envelope.around([speaker.choice() for speaker in self._speakers], self._usage())

    def last_chunk(self) -> dict[str, Json]:
        """The chunk that ends the answer of a chat that has run."""
        return self.envelope.around([speaker.last_chunk() for speaker in self._speakers], self._usage())

    async def _let_speak(self, conversation: Conversation, turn: Turn) -> None:
        """Let the agents speak one after the other, until somebody stops them."""
        answering = conversation.speakers(self._call.request.agent)
        # A chat that is interrupted keeps what it was asked, which has to be rendered for that.
        await self._unless_stopped(self._prepare(conversation, answering[0]))
        self._stopped = await run_query(partial(stop_of, turn))
        if self._stopped is None:
            await self._unless_stopped(self._speak(conversation, answering), told_to_stop(turn))

    async def _speak(self, conversation: Conversation, answering: Sequence[AgentView]) -> None:
        scene = self._scene(conversation.session)
        for index, agent in enumerate(answering):
            if index:
                await self._prepare(conversation, agent)
            name = agent.row.name if len(conversation.agents) > 1 else None
            speaker = Speaker(scene, self._prompts[index], index=index, name=name)
            self._speakers.append(speaker)
            await speaker.speak()

    async def _prepare(self, conversation: Conversation, agent: AgentView) -> None:
        """Make the agent's prompt. Docs are recalled once, and later agents hear what was said before them."""
        heard = [speaker.heard_by_others() for speaker in self._speakers]
        prompt = await build_prompt(
            conversation,
            self._call.request,
            agent,
            said=[message for message in heard if message["content"]],
            docs=self._prompts[0].docs if self._prompts else None,
            custom_key=self._call.custom_key,
        )
        self._prompts.append(prompt)
        self.envelope.docs = prompt.docs

    async def _unless_stopped(self, work: Coroutine[Any, Any, None], *stops: Coroutine[Any, Any, TurnStopped]) -> None:
        """Do the work until it is done, the client leaves, or one of the stops says how it ends.

        Raises:
            what the work raises; ClientLeft, when nothing else may stop the work: then nobody has spoken yet.
        """
        doing = asyncio.ensure_future(work)
        watching: list[asyncio.Future[TurnStopped]] = [asyncio.ensure_future(stop) for stop in stops]
        any_of: set[asyncio.Future[Any]] = {doing, self._left, *watching}
        try:
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not doing.done():
                doing.cancel()
            for watch in watching:
                watch.cancel()
            await asyncio.gather(doing, *watching, return_exceptions=True)
        if not doing.cancelled():
            doing.result()
            return
        self._stopped = next(
            watch.result() for watch in (*watching, self._left) if watch.done() and not watch.cancelled()
        )
        if not stops:
            raise self._stopped

    def _scene(self, session: Session) -> Scene:
        wanted = self._call.request.auto_run_tools
        auto_run = session.auto_run_tools if wanted is None else wanted
        return Scene(
            developer=self._call.developer,
            chat_id=UUID(self.envelope.id),
            auto_run_tools=auto_run and not session.forward_tool_calls,
            overflow=session.context_overflow,
            custom_key=self._call.custom_key,
            usage_metadata={"session_id": str(session.pk), "chat_id": self.envelope.id},
            hear=self._hear,
        )

    async def _save(self, session: Session, turn: Turn) -> None:
        """Store the messages of the request and everything said, and finish the turn, in one transaction."""
        if isinstance(self._stopped, TurnDropped | TurnLost):
            raise self._stopped
        said = [entry for speaker in self._speakers for entry in speaker.said()]
        if isinstance(self._stopped, ClientLeft) and not said:
            raise self._stopped
        await run_query(partial(self._store, session, turn, said))

    def _store(self, session: Session, turn: Turn, said: Sequence[Said]) -> None:
        if not self._call.request.save:
            finish_turn(turn)
            return
        asked = [
            NewEntry.of(message, source=EntrySource.API_REQUEST, model=self._prompts[0].model)
            for message in self._prompts[0].new_messages
        ]
        replies = [
            NewEntry.of(one.message, source=one.source, model=one.model, written_by=one.written_by) for one in said
        ]
        with transaction.atomic():
            save_entries(session.pk, [*asked, *replies], turn=turn)
            if self._stopped is None:
                self._ask_for_room(session, replies)

    def _ask_for_room(self, session: Session, replies: Sequence[NewEntry]) -> None:
        """Have the history shortened when the next prompt might not fit."""
        prompt = max(self._prompts, key=lambda made: made.token_count)
        tokens = prompt.token_count + sum(reply.token_count for reply in replies)
        job_id = request_shortening(session, tokens, prompt.budget)
        if job_id is not None:
            self.envelope.jobs = [str(job_id)]

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
