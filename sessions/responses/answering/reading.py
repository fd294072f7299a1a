"""Tells one answer of a model as it arrives: what is new in it becomes items and events."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from agents.llm.answer import Answer, ArrivingCall, Piece
from julep_project.core.json_value import Json
from sessions.responses.wire.ids import output_item_id
from sessions.responses.wire.logprobs import token_logprobs, tokens_in
from sessions.responses.wire.output import (
    ArrivingItem,
    CustomCallItem,
    Event,
    FunctionCallItem,
    Item,
    MessageItem,
    ReasoningItem,
    RefusalItem,
    SummaryItem,
)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of an answer: calls of `functions` only, which the client answers; some of them take a text and are
    `custom`. Thoughts as a `summary`, and `logprobs`, where they were asked for; thoughts also sealed, if there is a
    `seal` for them."""

    functions: Collection[str] = ()
    custom: Collection[str] = ()
    summary: bool = False
    logprobs: bool = False
    seal: Callable[[Sequence[Json]], str | None] | None = None


class AnswerItems:
    """The items of one answer while it arrives. `items` are the finished ones, in order."""

    def __init__(self, response_id: UUID, first_index: int, telling: Telling) -> None:
        self.items: list[Item] = []
        self.answer = Answer()
        self._response_id = response_id
        self._index = first_index
        self._telling = telling
        self._kinds: dict[str, type[ArrivingItem]] = {
            "text": MessageItem,
            "refusal": RefusalItem,
            "thought": SummaryItem if telling.summary else ReasoningItem,
        }
        self._open: ArrivingItem | None = None
        self._told_tokens = 0
        self._sealed_blocks = 0

    def tell(self, pieces: Iterable[Piece]) -> list[Event]:
        """The events of what a chunk has added to the answer."""
        return [event for piece in pieces for event in self._told(piece)]

    def close(self, *, cut: bool = False) -> list[Event]:
        """End the answer. Returns the last events. With `cut`, the item that was arriving stays incomplete."""
        return self._end_item("incomplete" if cut or self.answer.is_cut else "completed")

    def _told(self, piece: Piece) -> list[Event]:
        if piece.call is None:
            return self._piece(self._kinds[piece.kind], piece.text)
        if piece.kind == "call":
            return self._begin_call(piece.call)
        return self._arguments(piece.call, piece.text)

    def _piece(self, kind: type[ArrivingItem], piece: str) -> list[Event]:
        events: list[Event] = []
        if type(self._open) is not kind:
            events = self._end_item("completed")
            events += self._begin(kind(self._new_id(kind.kind), self._next_index))
        assert self._open is not None
        if isinstance(self._open, MessageItem):
            return [*events, *self._open.add(piece, self._new_logprobs())]
        return [*events, *self._open.add(piece)]

    def _begin_call(self, call: ArrivingCall) -> list[Event]:
        """Whatever came before is over."""
        events = self._end_item("completed")
        if call.name not in self._telling.functions:
            return events
        kind = CustomCallItem if call.name in self._telling.custom else FunctionCallItem
        item_id = self._new_id(kind.kind)
        return events + self._begin(kind(item_id, self._next_index, call_id=call.id, name=call.name))

    def _arguments(self, call: ArrivingCall, piece: str) -> list[Event]:
        if call.name not in self._telling.functions:
            return []
        assert isinstance(self._open, FunctionCallItem) and self._open.call_id == call.id
        return self._open.add(piece)

    def _begin(self, item: ArrivingItem) -> list[Event]:
        self._open = item
        return item.opening()

    def _end_item(self, status: str) -> list[Event]:
        if self._open is None:
            return []
        ended, self._open = self._open, None
        if isinstance(ended, MessageItem):
            ended.end_with(self._new_logprobs())
        elif isinstance(ended, ReasoningItem) and self._telling.seal is not None:
            blocks = self.answer.whole_message().get("thinking_blocks") or []
            new, self._sealed_blocks = blocks[self._sealed_blocks :], len(blocks)
            ended.encrypted = self._telling.seal(new) if new else None
        self.items.append(ended.stored(status))
        return ended.closing(status)

    def _new_logprobs(self) -> Sequence[Json]:
        """Those that were not told yet: they come with a piece of text, or after it."""
        if not self._telling.logprobs:
            return ()
        came = tokens_in(self.answer.logprobs)
        new = came[self._told_tokens :]
        self._told_tokens = len(came)
        return token_logprobs(new)

    @property
    def _next_index(self) -> int:
        return self._index + len(self.items)

    def _new_id(self, kind: str) -> str:
        return output_item_id(kind, self._response_id, self._next_index)
