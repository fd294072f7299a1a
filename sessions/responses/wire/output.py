"""Items of an answer and the events that tell of them.

What is stored of an item is enough to tell the same events again: besides what clients see it keeps `pieces`, the
lengths of the deltas its text arrived in, and the results of a search, which clients get only when they ask.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar

from julep_project.core.json_value import Json
from sessions.responses.wire.tools import FILE_SEARCH, WEB_SEARCH

Event = dict[str, Json]
Item = dict[str, Json]

FILE_SEARCH_RESULTS = "file_search_call.results"
WEB_SEARCH_SOURCES = "web_search_call.action.sources"


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

    def add(self, delta: str) -> Event:
        """Take in a delta and tell of it."""
        self._deltas.append(delta)
        return self._place(f"{self._stem}.delta", delta=delta)

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
    """An item whose text is its one content part."""

    _extra: ClassVar[Mapping[str, Json]] = {}

    def opening(self) -> list[Event]:
        part = self._place("response.content_part.added", content_index=0, part=self._part(""))
        return [*super().opening(), part]

    def add(self, delta: str) -> Event:
        return {**super().add(delta), "content_index": 0, **self._extra}

    def closing(self, status: str) -> list[Event]:
        done = self._place(f"{self._stem}.done", content_index=0, text=self.text, **self._extra)
        part = self._place("response.content_part.done", content_index=0, part=self._part(self.text))
        return [done, part, *super().closing(status)]

    def _filled(self, status: str) -> Item:
        return {**self._bare(status), "content": [self._part(self.text)]}

    def _part(self, text: str) -> Item:
        raise NotImplementedError


class MessageItem(_ItemWithPart):
    """Text for the reader."""

    kind = "message"
    _stem = "response.output_text"
    _extra = {"logprobs": []}

    def _part(self, text: str) -> Item:
        return {"type": "output_text", "text": text, "annotations": []}

    def _bare(self, status: str) -> Item:
        return {"id": self.id, "type": self.kind, "role": "assistant", "status": status, "content": []}


class ReasoningItem(_ItemWithPart):
    """What the model thought before it spoke, where its provider tells."""

    kind = "reasoning"
    _stem = "response.reasoning_text"

    def _part(self, text: str) -> Item:
        return {"type": "reasoning_text", "text": text}

    def _bare(self, status: str) -> Item:
        return {"id": self.id, "type": self.kind, "summary": [], "content": [], "status": status}


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


def _done(index: int, item: Item, include: Collection[str] = ()) -> Event:
    return {"type": "response.output_item.done", "output_index": index, "item": shown_item(item, include)}


def shown_item(item: Mapping[str, Json], include: Collection[str]) -> Item:
    """An item as clients see it: without what is kept for telling it again, with results only if they are wanted."""
    shown = {name: value for name, value in item.items() if name != "pieces"}
    if item["type"] == "file_search_call":
        return shown if FILE_SEARCH_RESULTS in include else {**shown, "results": None}
    if item["type"] == "web_search_call":
        results = shown.pop("results", None)
        if WEB_SEARCH_SOURCES in include and results:
            sources = [{"type": "url", "url": found["url"]} for found in results if found.get("url")]
            shown["action"] = {**shown["action"], "sources": sources}
    return shown


def replay(item: Mapping[str, Json], index: int, include: Collection[str]) -> Iterator[Event]:
    """The events of a stored item, as they were told when it arrived."""
    if item["type"].endswith("_search_call"):
        yield from _replay_search(item, index, include)
        return
    arriving = _reopened(item, index)
    yield from arriving.opening()
    text, start = _text_of(item), 0
    for length in item.get("pieces", [len(text)]):
        yield arriving.add(text[start : start + length])
        start += length
    yield from arriving.closing(item["status"])


def _replay_search(item: Mapping[str, Json], index: int, include: Collection[str]) -> Iterator[Event]:
    tool = FILE_SEARCH if item["type"] == "file_search_call" else WEB_SEARCH
    query = item["queries"][0] if tool == FILE_SEARCH else item["action"]["query"]
    search = SearchItem(item["id"], index, tool=tool, query=query)
    yield from search.opening()
    yield from search.closing(item["results"] if item["status"] == "completed" else None, include)


def _reopened(item: Mapping[str, Json], index: int) -> ArrivingItem:
    if item["type"] == FunctionCallItem.kind:
        return FunctionCallItem(item["id"], index, call_id=item["call_id"], name=item["name"])
    return (ReasoningItem if item["type"] == ReasoningItem.kind else MessageItem)(item["id"], index)


def _text_of(item: Mapping[str, Json]) -> str:
    if item["type"] == FunctionCallItem.kind:
        return str(item["arguments"])
    return "".join(part["text"] for part in item["content"])
