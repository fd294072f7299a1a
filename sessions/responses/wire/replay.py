"""The events of stored items, told again as they were when the items arrived."""

from collections.abc import Collection, Iterator, Mapping

from julep_project.core.json_value import Json
from sessions.responses.wire.output import (
    ArrivingItem,
    CustomCallItem,
    Event,
    FunctionCallItem,
    MessageItem,
    ReasoningItem,
    RefusalItem,
    SearchItem,
    SummaryItem,
    custom_arguments,
)
from sessions.responses.wire.shown import ENCRYPTED_REASONING, LOGPROBS
from sessions.responses.wire.tools import FILE_SEARCH, WEB_SEARCH

Item = Mapping[str, Json]


def replay(item: Item, index: int, include: Collection[str]) -> Iterator[Event]:
    """The events of a stored item."""
    if item["type"].endswith("_search_call"):
        yield from _search(item, index, include)
        return
    arriving = _reopened(item, index, include)
    yield from arriving.opening()
    if isinstance(arriving, MessageItem):
        yield from _text(arriving, item, include)
    else:
        for delta in _deltas(item):
            yield from arriving.add(delta)
    yield from arriving.closing(item["status"])


def _text(arriving: MessageItem, item: Item, include: Collection[str]) -> Iterator[Event]:
    logprobs = item["content"][0].get("logprobs") or [] if LOGPROBS in include else []
    counts, told = item.get("tokens") or [], 0
    for place, delta in enumerate(_deltas(item)):
        end = told + (counts[place] if place < len(counts) else 0)
        yield from arriving.add(delta, logprobs[told:end])
        told = end
    arriving.end_with(logprobs[told:])


def _search(item: Item, index: int, include: Collection[str]) -> Iterator[Event]:
    tool = FILE_SEARCH if item["type"] == "file_search_call" else WEB_SEARCH
    query = item["queries"][0] if tool == FILE_SEARCH else item["action"]["query"]
    search = SearchItem(item["id"], index, tool=tool, query=query)
    yield from search.opening()
    yield from search.closing(item["results"] if item["status"] == "completed" else None, include)


def _reopened(item: Item, index: int, include: Collection[str]) -> ArrivingItem:
    kind = item["type"]
    if kind in (FunctionCallItem.kind, CustomCallItem.kind):
        call = FunctionCallItem if kind == FunctionCallItem.kind else CustomCallItem
        return call(item["id"], index, call_id=item["call_id"], name=item["name"])
    if kind == ReasoningItem.kind:
        thought = (SummaryItem if item["summary"] else ReasoningItem)(item["id"], index)
        thought.encrypted = item.get("encrypted_content") if ENCRYPTED_REASONING in include else None
        return thought
    return (RefusalItem if item["content"][0]["type"] == "refusal" else MessageItem)(item["id"], index)


def _deltas(item: Item) -> Iterator[str]:
    text, start = _text_of(item), 0
    for length in item.get("pieces", [len(text)]):
        yield text[start : start + length]
        start += length


def _text_of(item: Item) -> str:
    if item["type"] == FunctionCallItem.kind:
        return str(item["arguments"])
    if item["type"] == CustomCallItem.kind:
        return custom_arguments(item["input"])
    parts = item.get("content") or item["summary"]
    return "".join(part["refusal"] if part["type"] == "refusal" else part["text"] for part in parts)
