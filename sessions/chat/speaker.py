"""One agent's part in a chat: what it is asked, what it says, and the tools that are run in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.conf import settings

from agents.calls.purpose import calling_for
from agents.llm import gateway
from agents.llm.answer import Answer
from agents.llm.dialogue import Call, Dialogue, asking_message
from agents.llm.pieces import Piece
from agents.models import Developer
from agents.policy.sources import Sources
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread
from sessions.chat.chat_wire import choice_to_wire, last_chunk
from sessions.chat.tool_rounds import Made, Toolbox, ToolRound, among_tools, key_of
from sessions.context.messages import kept_message
from sessions.context.prompt import Prompt
from sessions.context.window import fit
from sessions.errors import TooManyToolRounds
from sessions.history.pending import PendingCall
from sessions.models import EntrySource

Message = dict[str, Json]
# Gets every delta of text or of thoughts with the number of its choice; may wait for a slow reader.
OnDelta = Callable[[int, Piece], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Said:
    """A message, where it came from, and the model it was said with or to."""

    message: Message
    source: EntrySource
    model: str

    @property
    def written_by(self) -> str:
        """The model that wrote it; none wrote the result of a tool."""
        return self.model if self.message["role"] == "assistant" else ""


@dataclass(frozen=True, slots=True)
class ChatContext:
    """What the agents of one chat share. Without `on_delta`, replies are asked for whole.

    `deadline` is the time of the monotonic clock at which the chat is stopped. `asks_people`: whether calls that have
    begun may have people asked something, for a later chat.
    """

    developer: Developer
    chat_id: UUID
    auto_run_tools: bool
    overflow: str | None
    deadline: float
    asks_people: bool = False
    custom_key: str | None = None
    usage_metadata: Mapping[str, Json] = field(default_factory=dict)
    on_delta: OnDelta | None = None


class Speaker:
    """Asks a model, and again after every round of tools, until there is a reply for the client.

    `said` may be called at any time: a chat can be stopped while its agent speaks.
    """

    def __init__(
        self,
        context: ChatContext,
        prompt: Prompt,
        *,
        index: int,
        name: str | None,
        sources: Sources,
        pending: Sequence[PendingCall] = (),
    ) -> None:
        """`index` is the number of the choice; `name` the agent's, where several take part; `sources` are those of what
        the prompt is made of. While calls of an earlier reply are `pending`, nothing is said."""
        # Of all that the model has read by now.
        self.sources = sources
        self.usages: list[Mapping[str, Json]] = []
        # Calls that a person must agree to, or do something for, with those that are not made before that.
        self.pending: list[PendingCall] = list(pending)
        self._context = context
        self._prompt = prompt
        self._toolbox = Toolbox(
            context.developer,
            prompt.tools,
            prompt.presets,
            prompt.agent_id,
            prompt.user_id,
            prompt.policy,
            may_wait=context.asks_people,
        )
        self._index = index
        self._name = name
        self._said: list[Said] = []
        self._dialogue = Dialogue(list(prompt.messages), settings.CHAT_TOOL_ROUNDS, prompt.tool_choice)
        self._fitting: Sequence[Mapping[str, Json]] = prompt.messages
        self._composition = prompt.composition
        self._reply = Answer()
        self._round: ToolRound | None = None
        self._for_client: list[Message] = []
        self._is_done = False

    async def speak(self) -> None:
        """Return when the reply is complete.

        Raises:
            ModelRefused, PromptTooBig, ModelUnavailable, ReplyTooLong, TooManyToolRounds
        """
        while not self._is_done and not self.pending:
            await self._ask()
            move = self._dialogue.follow(self._reply.calls, is_cut=self._reply.is_cut, is_clients=self._is_clients)
            if move.is_too_much:
                rounds = self._dialogue.most_rounds
                raise TooManyToolRounds(f"the model called tools {rounds} times without coming to an end")
            self._for_client = [self._toolbox.completed(call) for call in move.client]
            if self._toolbox.may_ask_about(move.run):
                self.pending = await among_tools(partial(self._asked_about, move.run))
            if self.pending:
                self._is_done = True
                return
            if move.run:
                self._round = self._new_round(move.run)
                # Before they are there: of a round that is cut short, what was given until then is kept.
                self.sources |= self._toolbox.sources_of(move.run)
                await self._round.run()
                self.pending = self._round.waiting()
            if move.asks_again and not self.pending:
                await self._go_on()
            else:
                self._is_done = True

    @property
    def has_run_tools(self) -> bool:
        """Whether the server began to carry out calls."""
        return self._round is not None or self._dialogue.rounds > 0

    def said(self) -> list[Said]:
        """What was said so far, to be stored. Every call the server carries out has its result beside it."""
        return [*self._said, *self._latest()]

    def choice(self) -> Message:
        """The reply as a choice of the answer."""
        waits = bool(self.pending)
        return choice_to_wire(self._index, self._reply, self._for_client, self._name, waits=waits)

    def last_chunk(self) -> Message:
        """The choice of the chunk that ends the reply."""
        return last_chunk(self._index, self._reply, self._for_client, waits=bool(self.pending))

    def for_other_agents(self) -> Message:
        """The reply as the agents after this one get it."""
        return {"role": "assistant", "name": self._name, "content": self._reply.text or self._reply.refusal}

    def _is_clients(self, call: Call) -> bool:
        return not self._context.auto_run_tools or self._toolbox.is_for_client(call)

    def _asked_about(self, calls: Sequence[Call]) -> list[PendingCall]:
        """All of the calls, if a person is asked about one of them: none is made before that."""
        sources = self.sources
        pending = [PendingCall.of(call, self._toolbox.asked_about(call, sources), sources) for call in calls]
        return pending if any(call.asked is not None for call in pending) else []

    def _new_round(self, calls: Sequence[Call]) -> ToolRound:
        context = self._context
        place = f"{self._index}/{self._dialogue.rounds}"
        made = [
            Made(call, self.sources, key_of(call, context.chat_id, f"{place}/{number}"))
            for number, call in enumerate(calls)
        ]
        return ToolRound(self._toolbox, made, deadline=context.deadline)

    async def _ask(self) -> None:
        on_delta = self._context.on_delta
        question: dict[str, Json] = {
            "messages": self._fitting,
            "model": self._prompt.model,
            "settings": self._prompt.settings,
            "tools": self._prompt.offered,
            "tool_choice": self._dialogue.choice,
            "custom_key": self._context.custom_key,
            "metadata": self._context.usage_metadata,
        }
        arriving = gateway.listen(self._context.developer, self._reply, live=on_delta is not None, **question)
        context = self._composition.to_json(self._index, self._dialogue.rounds)
        # Leaving early closes the connection to the provider.
        with calling_for(context=context):
            async with aclosing(arriving):
                async for pieces in arriving:
                    for piece in pieces:
                        if on_delta is not None and piece.call is None:
                            await on_delta(self._index, piece)
        self.usages.append(self._reply.usage or {})

    async def _go_on(self) -> None:
        """Put the calls and their results before the next question, as far as there is room."""
        assert self._round is not None
        self._dialogue.go_on(asking_message(self._reply.whole_message()), self._round.messages())
        self._fitting = self._dialogue.messages
        self._said, self._round, self._reply = self.said(), None, Answer()
        if self._prompt.budget is not None:
            await in_thread(self._make_room)
        else:
            whole, asked = self._dialogue.messages, len(self._prompt.messages)
            self._composition = self._prompt.composition.after_rounds(range(asked), len(whole) - asked)

    def _make_room(self) -> None:
        whole, asked = self._dialogue.messages, len(self._prompt.messages)
        fitting, tokens = fit(
            whole,
            model=self._prompt.model,
            budget=self._prompt.budget,
            overflow=self._context.overflow,
            tools=self._prompt.offered,
            stay=self._prompt.stay | set(range(asked, len(whole))),
        )
        self._fitting = [whole[index] for index in fitting]
        self._composition = self._prompt.composition.after_rounds(set(fitting), len(whole) - asked, tokens)

    def _latest(self) -> list[Said]:
        """The message being said, or said last, and the results of its calls."""
        message, model = {**kept_message(self._reply), "name": self._name}, self._prompt.model
        if self._round is not None:
            source = EntrySource.API_RESPONSE if self._for_client else EntrySource.TOOL_REQUEST
            waiting = {one.call["id"] for one in self.pending}
            results = [each for each in self._round.messages() if each["tool_call_id"] not in waiting]
            return [Said(message, source, model), *(Said(each, EntrySource.TOOL_RESPONSE, model) for each in results)]
        # Half a call is none, and what nobody is asked to run is not kept.
        given = {call["id"] for call in (*self._for_client, *(one.call for one in self.pending))}
        message["tool_calls"] = [call for call in message["tool_calls"] or () if call["id"] in given] or None
        if message["content"] is None and not message["tool_calls"]:
            message["content"] = ""
        return [Said(message, EntrySource.API_RESPONSE, model)] if self._is_done or message["content"] else []
