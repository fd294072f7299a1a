"""Answers one response: asks the model, makes the searches it wants, and asks again, until there is an answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.llm import gateway
from agents.llm.reply_form import ReplyRejected, check_reply, objection, rejected
from agents.models import Developer
from julep_project.core.process.threads import in_thread
from sessions.errors import TooManyToolRounds
from sessions.responses.answering.messages import results_text
from sessions.responses.answering.reading import Answer, Call
from sessions.responses.answering.searches import Searches, SearchFailed, query_of
from sessions.responses.wire.body import INCOMPLETE_REASONS, total_usage
from sessions.responses.wire.ids import output_item_id
from sessions.responses.wire.output import Event, Item, SearchItem
from sessions.responses.wire.request import ResponseRequest

Json = Any
Message = Mapping[str, Json]

MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed to answer, read from the database already."""

    developer: Developer
    response_id: UUID
    request: ResponseRequest
    messages: Sequence[Message]
    searches: Searches
    custom_key: str | None = None


class ResponseRun:
    """One response while it is answered. `output` holds its finished items."""

    def __init__(self, plan: Plan, *, live: bool) -> None:
        """`live`: the model's answers are streamed."""
        self.output: list[Item] = []
        self._plan = plan
        self._live = live
        self._wanted = plan.request.response_format()
        self._usages: list[Mapping[str, Json]] = []
        self._answer: Answer | None = None
        self._told: Answer | None = None
        self._searching: SearchItem | None = None
        self._search_count = 0
        self._finish_reason = "stop"

    @property
    def incomplete_reason(self) -> str | None:
        """Why the answer is cut short, if it is."""
        return INCOMPLETE_REASONS.get(self._finish_reason)

    def usage(self) -> dict[str, Json] | None:
        """What all model calls used together."""
        return total_usage(self._usages)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the items as they arrive.

        Raises:
            DomainError: the model cannot be asked, or gives no usable answer.
        """
        messages = list(self._plan.messages)
        choice = self._plan.request.tools.choice
        for number in range(MOST_ROUNDS):
            is_last = number == MOST_ROUNDS - 1
            async for event in self._ask(messages, "none" if is_last else choice):
                yield event
            answer = self._told
            assert answer is not None
            if not answer.server_calls or answer.was_cut:
                return
            messages.append(answer.message())
            for call in answer.server_calls:
                async for event in self._serve(call, messages):
                    yield event
            if answer.client_calls:
                return
            choice = "auto"  # a tool that has to be called was called; insisting would never end
        raise TooManyToolRounds

    def cut(self) -> list[Event]:
        """Keep what has arrived of the item that was being told. Returns the events that end it."""
        events: list[Event] = []
        if self._answer is not None:
            events += self._answer.close(cut=True)
            self._keep(self._answer)
        if self._searching is not None:
            events += self._searching.closing(None, ())
            self.output.append(self._searching.stored(None))
            self._searching = None
        return events

    async def _ask(self, messages: Sequence[Message], choice: Json) -> AsyncGenerator[Event, None]:
        """The events of one answer. One without the wanted form is asked for once more."""
        for is_second in (False, True):
            answer = self._answer = self._new_answer()
            async with aclosing(self._chunks(messages, choice)) as chunks:
                async for chunk in chunks:
                    for event in answer.take(chunk):
                        yield event
            problem = await self._problem(answer)
            if problem is None:
                break
            if is_second:
                raise rejected(problem)
            if not answer.is_held_back:
                raise ReplyRejected(f"the model's answer does not have the form of text.format: {problem}")
            for event in answer.drop_text():
                yield event
            self._keep(answer)
            messages = [*messages, *objection(answer.text, problem)]
        for event in answer.close():
            yield event
        self._keep(answer)

    def _new_answer(self) -> Answer:
        plan = self._plan
        return Answer(
            plan.response_id,
            len(self.output),
            plan.request.tools.function_names,
            wants_json=self._wanted is not None,
            holds_all=not self._live,
        )

    async def _problem(self, answer: Answer) -> str | None:
        """What is wrong with the answer's form. A schema of the caller's may take seconds to check."""
        if self._wanted is None or answer.was_cut:
            return None
        return await in_thread(check_reply, self._wanted, {"choices": [{"message": answer.message()}]})

    def _keep(self, answer: Answer) -> None:
        self.output += answer.items
        self._usages.append(answer.usage)
        self._finish_reason = answer.finish_reason
        self._answer, self._told = None, answer

    async def _chunks(self, messages: Sequence[Message], choice: Json) -> AsyncGenerator[Mapping[str, Json], None]:
        plan = self._plan
        tools = plan.request.tools.presented()
        options: dict[str, Json] = {
            "messages": messages,
            "model": plan.request.model,
            "settings": plan.request.settings(),
            "tools": tools or None,
            "tool_choice": choice if tools else None,
            "custom_key": plan.custom_key,
            "metadata": {"response_id": str(plan.response_id)},
        }
        if not self._live:
            yield _as_chunk(await gateway.acomplete(plan.developer, **options))
            return
        async with aclosing(gateway.astream(plan.developer, **options)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _serve(self, call: Call, messages: list[Message]) -> AsyncGenerator[Event, None]:
        """The events of a search the model calls for; its result, or why there is none, is added to the messages."""
        query = query_of(call.arguments)
        refusal = self._refusal(call, query)
        if query is None or refusal is not None:
            messages.append(_result(call, f"error: {refusal}"))
            return
        self._search_count += 1
        index = len(self.output)
        item_id = output_item_id(f"{call.name}_call", self._plan.response_id, index)
        item = self._searching = SearchItem(item_id, index, tool=call.name, query=query)
        for event in item.opening():
            yield event
        results = None
        try:
            results = await self._plan.searches.find(call.name, query)
            messages.append(_result(call, results_text(results)))
        except SearchFailed as error:
            messages.append(_result(call, f"error: {error}"))
        self._searching = None
        self.output.append(item.stored(results))
        for event in item.closing(results, self._plan.request.include):
            yield event

    def _refusal(self, call: Call, query: str | None) -> str | None:
        """Why the call cannot be answered by a search, in words for the model."""
        tools, most = self._plan.request.tools, self._plan.request.echo["max_tool_calls"]
        if call.name not in tools.hosted:
            return f"there is no tool {call.name[:80]!r}; the tools are: {', '.join(tools.names()) or 'none'}"
        if query is None:
            return 'the arguments must be {"query": "..."}'
        if most is not None and self._search_count >= most:
            return "no further search is allowed; answer with what is known"
        return None


def _result(call: Call, text: str) -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def _as_chunk(completion: Mapping[str, Json]) -> dict[str, Json]:
    """A whole answer as if it had arrived in one piece."""
    choice = completion["choices"][0]
    return {
        "choices": [{"delta": choice.get("message") or {}, "finish_reason": choice.get("finish_reason")}],
        "usage": completion.get("usage"),
    }
