"""Items of an answer and the events that tell of them.

What is stored of an item is enough to tell the same events again (`replay`): besides what clients see it keeps
`pieces`, the lengths of the deltas its text arrived in, `tokens`, how many log probabilities came with each of them,
and the results of a search, which clients get only when they ask.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from agents.llm.dialogue import UnreadableArguments, arguments_of
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text
from sessions.responses.wire.shown import ENCRYPTED_REASONING, LOGPROBS, shown_item
from sessions.responses.wire.tools import CUSTOM_INPUT, FILE_SEARCH

Event = dict[str, Json]
Item = dict[str, Json]


class ArrivingItem:
    """An item whose text arrives in deltas. Events come from `opening`, then `add` for each delta, then `closing`."""

    kind: ClassVar[str]

    def __init__(self, item_id: str, index: int) -> None:
        self.id = item_id
        self.index = index
        self._deltas: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._deltas)

    def opening(self) -> list[Event]:
        """What is told before the first delta."""
        return [_added(self.index, self._bare("in_progress"))]

    def add(self, delta: str) -> list[Event]:
        """Take in a delta and tell of it."""
        self._deltas.append(delta)
        return [self._place(f"{self._stem}.delta", delta=delta)]

    def closing(self, status: str) -> list[Event]:
        """What is told after the last delta."""
        return [_done(self.index, self.stored(status))]

    def stored(self, status: str) -> Item:
        """The item as it is kept."""
        return {**self._filled(status), "pieces": [len(delta) for delta in self._deltas]}

    _stem: ClassVar[str]

    def _bare(self, status: str) -> Item:
        raise NotImplementedError

    def _filled(self, status: str) -> Item:
        raise NotImplementedError

    def _place(self, kind: str, **fields: Json) -> Event:
        return {"type": kind, "item_id": self.id, "output_index": self.index, **fields}


class _ItemWithPart(ArrivingItem):
    """An item whose text is its one part, in a list of the item."""

    _part_type: ClassVar[str]
    _text_name: ClassVar[str] = "text"
    _part_stem: ClassVar[str] = "response.content_part"
    _list: ClassVar[str] = "content"
    _place_in_list: ClassVar[Mapping[str, Json]] = {"content_index": 0}

    def opening(self) -> list[Event]:
        part = self._place(f"{self._part_stem}.added", **self._place_in_list, part=self._part(""))
        return [*super().opening(), part]

    def add(self, delta: str) -> list[Event]:
        return [{**event, **self._place_in_list} for event in super().add(delta)]

    def closing(self, status: str) -> list[Event]:
        done = self._place(f"{self._stem}.done", **self._place_in_list, **{self._text_name: self.text})
        part = self._place(f"{self._part_stem}.done", **self._place_in_list, part=self._part(self.text))
        return [done, part, *super().closing(status)]

    def _filled(self, status: str) -> Item:
        return {**self._bare(status), self._list: [self._part(self.text)]}

    def _part(self, text: str) -> Item:
        return {"type": self._part_type, self._text_name: text}


class _Message(_ItemWithPart):
    kind = "message"

    def _bare(self, status: str) -> Item:
        return {"id": self.id, "type": self.kind, "role": "assistant", "status": status, "content": []}


class MessageItem(_Message):
    """Text for the reader, with the log probabilities of its tokens where they were asked for."""

    _stem = "response.output_text"
    _part_type = "output_text"

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self._logprobs: list[Json] = []
        self._counts: list[int] = []

    def add(self, delta: str, logprobs: Sequence[Json] = ()) -> list[Event]:
        self._logprobs += logprobs
        self._counts.append(len(logprobs))
        return [{**event, "logprobs": list(logprobs)} for event in super().add(delta)]

    def end_with(self, logprobs: Sequence[Json]) -> None:
        """Take in those of no delta in particular."""
        self._logprobs += logprobs

    def closing(self, status: str) -> list[Event]:
        done, part, item = super().closing(status)
        return [{**done, "logprobs": list(self._logprobs)}, part, item]

    def stored(self, status: str) -> Item:
        """The item as it is kept."""
        counted = {"tokens": self._counts} if self._logprobs else {}
        return {**super().stored(status), **counted}

    def _part(self, text: str) -> Item:
        return {**super()._part(text), "annotations": [], "logprobs": list(self._logprobs) if text else []}


class RefusalItem(_Message):
    """What the model says in the place of an answer it will not give."""

    _stem = "response.refusal"
    _part_type = "refusal"
    _text_name = "refusal"


class ReasoningItem(_ItemWithPart):
    """What the model thought before it spoke, where its provider tells."""

    kind = "reasoning"
    _stem = "response.reasoning_text"
    _part_type = "reasoning_text"

    encrypted: str | None = None
    """What it thought, for a provider that wants to see it again."""

    def _bare(self, status: str) -> Item:
        return {"id": self.id, "type": self.kind, "summary": [], "content": [], "status": status}

    def _filled(self, status: str) -> Item:
        item = super()._filled(status)
        return item if self.encrypted is None else {**item, "encrypted_content": self.encrypted}


class SummaryItem(ReasoningItem):
    """The same, where a summary of it was asked for."""

    _stem = "response.reasoning_summary_text"
    _part_type = "summary_text"
    _part_stem = "response.reasoning_summary_part"
    _list = "summary"
    _place_in_list = {"summary_index": 0}

    def _bare(self, status: str) -> Item:
        return {"id": self.id, "type": self.kind, "summary": [], "status": status}


class FunctionCallItem(ArrivingItem):
    """A call of a function that the client runs. Its text is the arguments."""

    kind = "function_call"
    _stem = "response.function_call_arguments"

    def __init__(self, item_id: str, index: int, *, call_id: str, name: str) -> None:
        super().__init__(item_id, index)
        self.call_id = call_id
        self.name = name

    def closing(self, status: str) -> list[Event]:
        """The whole arguments, then the item."""
        done = self._place(f"{self._stem}.done", name=self.name, arguments=self.text)
        return [done, *super().closing(status)]

    def _bare(self, status: str) -> Item:
        return {
            "id": self.id,
            "type": self.kind,
            "call_id": self.call_id,
            "name": self.name,
            "arguments": "",
            "status": status,
        }

    def _filled(self, status: str) -> Item:
        return {**self._bare(status), "arguments": self.text}


class CustomCallItem(FunctionCallItem):
    """A call of a tool that takes a text. The text stands in arguments, and can be told when they are complete."""

    kind = "custom_tool_call"
    _stem = "response.custom_tool_call_input"

    def add(self, delta: str) -> list[Event]:
        """Take in a piece of the arguments. There is nothing to tell yet."""
        self._deltas.append(delta)
        return []

    def closing(self, status: str) -> list[Event]:
        """The whole input at once, then the item."""
        told = custom_input(self.text)
        delta = self._place(f"{self._stem}.delta", delta=told)
        return [delta, self._place(f"{self._stem}.done", input=told), _done(self.index, self.stored(status))]

    def stored(self, status: str) -> Item:
        """The item as it is kept."""
        return self._filled(status)

    def _bare(self, status: str) -> Item:
        return {
            "id": self.id,
            "type": self.kind,
            "call_id": self.call_id,
            "name": self.name,
            "input": "",
            "status": status,
        }

    def _filled(self, status: str) -> Item:
        return {**self._bare(status), "input": custom_input(self.text)}


def custom_arguments(told: str) -> str:
    """The text for such a tool as the arguments that the model is to give."""
    return to_json_text({CUSTOM_INPUT: told})


def custom_input(arguments: str) -> str:
    """The text that a model gives a tool that takes one; what it wrote, where that is of no other form."""
    try:
        told = arguments_of({"function": {"arguments": arguments}}).get(CUSTOM_INPUT)
    except UnreadableArguments:
        told = None
    return told if isinstance(told, str) else arguments


class SearchItem:
    """A search by this server: it is announced, then its results are there, or it has failed."""

    def __init__(self, item_id: str, index: int, *, tool: str, query: str) -> None:
        self.id = item_id
        self.index = index
        self._kind = f"{tool}_call"
        self._query = query

    def opening(self) -> list[Event]:
        """What is told before the search."""
        return [_added(self.index, self._item("in_progress")), self._place("in_progress"), self._place("searching")]

    def closing(self, results: Sequence[Json] | None, include: Collection[str]) -> list[Event]:
        """What is told after it; no results at all mean that it failed."""
        done = _done(self.index, self.stored(results), include)
        return [done] if results is None else [self._place("completed"), done]

    def stored(self, results: Sequence[Json] | None) -> Item:
        """The item as it is kept."""
        if results is None:
            return self._item("failed")
        return {**self._item("completed"), "results": list(results)}

    def _item(self, status: str) -> Item:
        item: Item = {"id": self.id, "type": self._kind, "status": status}
        if self._kind == f"{FILE_SEARCH}_call":
            return {**item, "queries": [self._query], "results": None}
        return {**item, "action": {"type": "search", "query": self._query, "queries": [self._query]}}

    def _place(self, what: str) -> Event:
        return {"type": f"response.{self._kind}.{what}", "item_id": self.id, "output_index": self.index}


def _added(index: int, item: Item) -> Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _done(index: int, item: Item, include: Collection[str] = (LOGPROBS, ENCRYPTED_REASONING)) -> Event:
    """What has arrived was asked for; of what lies ready, that is shown which is to be `include`d."""
    return {"type": "response.output_item.done", "output_index": index, "item": shown_item(item, include)}
