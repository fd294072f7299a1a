"""Answers one response: asks the model, makes the searches it wants, and asks again, until there is an answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from agents.llm import gateway
from agents.llm.answer import Answer
from agents.llm.dialogue import Call, Dialogue, asking_message, result_message
from agents.models import Developer
from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused
from sessions.errors import TooManyToolRounds
from sessions.responses.answering.messages import results_text
from sessions.responses.answering.reading import AnswerItems, Telling
from sessions.responses.answering.sealing import seal_thoughts
from sessions.responses.answering.searches import Searches, SearchFailed, query_of
from sessions.responses.wire.body import INCOMPLETE_REASONS, total_usage
from sessions.responses.wire.ids import output_item_id
from sessions.responses.wire.output import Event, Item, SearchItem
from sessions.responses.wire.request import ResponseRequest, in_own_words

Message = Mapping[str, Json]

MOST_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed to answer, read from the database already. `said` are the items that the messages were made of."""

    developer: Developer
    response_id: UUID
    request: ResponseRequest
    messages: Sequence[Message]
    searches: Searches
    custom_key: str | None = None
    said: Sequence[Mapping[str, Json]] = ()


class ResponseRun:
    """One response while it is answered. `output` holds its finished items."""

    def __init__(self, plan: Plan, *, live: bool) -> None:
        """`live`: the model's answers are streamed."""
        self.output: list[Item] = []
        self._plan = plan
        self._live = live
        self._usages: list[Mapping[str, Json]] = []
        self._dialogue = Dialogue(list(plan.messages), MOST_QUESTIONS - 1, plan.request.tools.choice)
        self._answer = Answer()
        self._arriving: AnswerItems | None = None
        self._searching: SearchItem | None = None
        self._search_count = 0
        self.service_tier: Json = None
        """How the provider says that it answered."""

    @property
    def incomplete_reason(self) -> str | None:
        """Why the answer is cut short, if it is."""
        return INCOMPLETE_REASONS.get(self._answer.finish_reason or "")

    def usage(self) -> dict[str, Json] | None:
        """What all model calls used together."""
        return total_usage(self._usages)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the items as they arrive.

        Raises:
            DomainError: the model cannot be asked, or gives no usable answer.
        """
        while True:
            async for event in self._ask():
                yield event
            answer = self._answer
            move = self._dialogue.follow(answer.calls, is_cut=answer.is_cut, is_clients=self._is_clients)
            if move.is_too_much:
                raise TooManyToolRounds
            results: list[Message] = []
            for call in move.run:
                async for event in self._serve(call, results):
                    yield event
            if not move.asks_again:
                return
            self._dialogue.go_on(asking_message(answer.whole_message()), results)

    def cut(self) -> list[Event]:
        """Keep what has arrived of the item that was being told. Returns the events that end it."""
        events: list[Event] = []
        if self._arriving is not None:
            events += self._arriving.close(cut=True)
            self._keep(self._arriving)
        if self._searching is not None:
            events += self._searching.closing(None, ())
            self.output.append(self._searching.stored(None))
            self._searching = None
        return events

    def _is_clients(self, call: Call) -> bool:
        return call["function"]["name"] in self._plan.request.tools.function_names

    async def _ask(self) -> AsyncGenerator[Event, None]:
        """The events of one answer."""
        plan = self._plan
        arriving = AnswerItems(plan.response_id, len(self.output), self._telling())
        self._arriving = arriving
        asked = gateway.listen(plan.developer, arriving.answer, live=self._live, **self._question())
        try:
            async with aclosing(asked):
                async for pieces in asked:
                    for event in arriving.tell(pieces):
                        yield event
        except ParameterRefused as error:
            raise in_own_words(error) from error
        for event in arriving.close():
            yield event
        self._keep(arriving)

    def _keep(self, arriving: AnswerItems) -> None:
        self.output += arriving.items
        self._usages.append(arriving.answer.usage or {})
        self._answer, self._arriving = arriving.answer, None
        self.service_tier = arriving.answer.origin.get("service_tier") or self.service_tier

    def _telling(self) -> Telling:
        request = self._plan.request
        return Telling(
            functions=request.tools.function_names,
            custom=request.tools.custom,
            summary=request.wants_summary,
            logprobs=request.wants_logprobs,
            seal=partial(seal_thoughts, self._plan.developer.pk, request.model) if request.wants_encrypted else None,
        )

    def _question(self) -> dict[str, Json]:
        plan = self._plan
        tools = plan.request.tools.presented()
        return {
            "messages": self._dialogue.messages,
            "model": plan.request.model,
            "settings": plan.request.settings(),
            "tools": tools or None,
            "tool_choice": self._dialogue.choice if tools else None,
            "custom_key": plan.custom_key,
            "strict": True,
            "metadata": {"response_id": str(plan.response_id)},
        }

    async def _serve(self, call: Call, told: list[Message]) -> AsyncGenerator[Event, None]:
        """The events of a search the model calls for; its result, or why there is none, is added to what is told."""
        tool, query = call["function"]["name"], query_of(call)
        refusal = self._refusal(tool, query)
        if query is None or refusal is not None:
            told.append(result_message(call, f"error: {refusal}"))
            return
        self._search_count += 1
        index = len(self.output)
        item_id = output_item_id(f"{tool}_call", self._plan.response_id, index)
        item = self._searching = SearchItem(item_id, index, tool=tool, query=query)
        for event in item.opening():
            yield event
        results = None
        try:
            results = await self._plan.searches.find(tool, query)
            told.append(result_message(call, results_text(results)))
        except SearchFailed as error:
            told.append(result_message(call, f"error: {error}"))
        self._searching = None
        self.output.append(item.stored(results))
        for event in item.closing(results, self._plan.request.include):
            yield event

    def _refusal(self, tool: str, query: str | None) -> str | None:
        """Why the call cannot be answered by a search, in words for the model."""
        tools, most = self._plan.request.tools, self._plan.request.echo["max_tool_calls"]
        if tool not in tools.hosted:
            return f"there is no tool {tool[:80]!r}; the tools are: {', '.join(tools.names()) or 'none'}"
        if query is None:
            return 'the arguments must be {"query": "..."}'
        if most is not None and self._search_count >= most:
            return "no further search is allowed; answer with what is known"
        return None
