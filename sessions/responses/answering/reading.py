"""Tells one answer of a model as it arrives: what is new in it becomes items and events."""

from collections.abc import Collection, Iterable
from uuid import UUID

from agents.llm.answer import Answer, ArrivingCall, Piece
from sessions.responses.wire.ids import output_item_id
from sessions.responses.wire.output import ArrivingItem, Event, FunctionCallItem, Item, MessageItem, ReasoningItem


class AnswerItems:
    """The items of one answer while it arrives. `items` are the finished ones, in order; of calls only those of
    `functions`, which the client answers, are among them."""

    def __init__(self, response_id: UUID, first_index: int, functions: Collection[str]) -> None:
        self.items: list[Item] = []
        self.answer = Answer()
        self._response_id = response_id
        self._index = first_index
        self._functions = functions
        self._open: ArrivingItem | None = None

    def tell(self, pieces: Iterable[Piece]) -> list[Event]:
        """The events of what a chunk has added to the answer."""
        return [event for piece in pieces for event in self._told(piece)]

    def close(self, *, cut: bool = False) -> list[Event]:
        """End the answer. Returns the last events. With `cut`, the item that was arriving stays incomplete."""
        return self._end_item("incomplete" if cut or self.answer.is_cut else "completed")

    def _told(self, piece: Piece) -> list[Event]:
        if piece.kind in ("text", "refusal"):
            return self._piece(MessageItem, piece.text)
        if piece.kind == "thought":
            return self._piece(ReasoningItem, piece.text)
        assert piece.call is not None
        if piece.kind == "call":
            return self._begin_call(piece.call)
        return self._arguments(piece.call, piece.text)

    def _piece(self, kind: type[MessageItem | ReasoningItem], piece: str) -> list[Event]:
        events: list[Event] = []
        if not isinstance(self._open, kind):
            events = self._end_item("completed")
            events += self._begin(kind(self._new_id(kind.kind), self._next_index))
        assert self._open is not None
        return [*events, self._open.add(piece)]

    def _begin_call(self, call: ArrivingCall) -> list[Event]:
        """Whatever came before is over."""
        events = self._end_item("completed")
        if call.name not in self._functions:
            return events
        item_id = self._new_id(FunctionCallItem.kind)
        return events + self._begin(FunctionCallItem(item_id, self._next_index, call_id=call.id, name=call.name))

    def _arguments(self, call: ArrivingCall, piece: str) -> list[Event]:
        if call.name not in self._functions:
            return []
        assert isinstance(self._open, FunctionCallItem) and self._open.call_id == call.id
        return [self._open.add(piece)]

    def _begin(self, item: ArrivingItem) -> list[Event]:
        self._open = item
        return item.opening()

    def _end_item(self, status: str) -> list[Event]:
        if self._open is None:
            return []
        ended, self._open = self._open, None
        self.items.append(ended.stored(status))
        return ended.closing(status)

    @property
    def _next_index(self) -> int:
        return self._index + len(self.items)

    def _new_id(self, kind: str) -> str:
        return output_item_id(kind, self._response_id, self._next_index)
