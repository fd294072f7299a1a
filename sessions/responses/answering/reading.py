"""Reads one answer of a model: its chunks become items and events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from julep_project.core.errors import ModelUnavailable
from sessions.responses.wire.ids import output_item_id
from sessions.responses.wire.output import ArrivingItem, Event, FunctionCallItem, Item, MessageItem, ReasoningItem

Json = Any

# Of the JSON values that are asked for.
_BEGINNINGS = frozenset("{[")


@dataclass(slots=True)
class Call:
    """A call of a tool, while its arguments arrive."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """What has arrived of them."""
        return "".join(self.pieces)

    def to_message(self) -> dict[str, Json]:
        """The call as it goes back to the model."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class Answer:
    """One answer while it arrives. `items` are the finished ones, in order; of calls only those of `functions`, which
    the client answers, are among them.

    With `wants_json`, text that does not begin as JSON is held back until somebody has looked at it, so that the
    model can be asked again before anything was told; `holds_all` holds back all of it.
    """

    def __init__(
        self,
        response_id: UUID,
        first_index: int,
        functions: Collection[str],
        *,
        wants_json: bool = False,
        holds_all: bool = False,
    ) -> None:
        self.items: list[Item] = []
        self.finish_reason = "stop"
        self.usage: Mapping[str, Json] = {}
        self._response_id = response_id
        self._index = first_index
        self._functions = functions
        self._holding = wants_json
        self._holds_all = holds_all
        self._texts: list[str] = []
        self._held: list[str] = []
        self._first = ""  # character that is not white space
        self._calls: dict[int, Call] = {}
        self._all_calls: list[Call] = []
        self._open: ArrivingItem | None = None

    @property
    def text(self) -> str:
        """All text so far, told or not."""
        return "".join(self._texts)

    @property
    def is_held_back(self) -> bool:
        """Whether no text was told yet, because it has to be looked at first."""
        return self._holding

    @property
    def was_cut(self) -> bool:
        """Whether the provider stopped the model before it was done."""
        return self.finish_reason in ("length", "content_filter")

    @property
    def server_calls(self) -> list[Call]:
        """The calls that this server answers: searches, and calls of what nobody offered."""
        return [call for call in self._all_calls if call.name not in self._functions]

    @property
    def client_calls(self) -> list[Call]:
        """The calls that the client answers."""
        return [call for call in self._all_calls if call.name in self._functions]

    def message(self) -> dict[str, Json]:
        """The answer as it goes back to the model."""
        said: dict[str, Json] = {"role": "assistant", "content": self.text or None}
        if self._all_calls:
            said["tool_calls"] = [call.to_message() for call in self._all_calls]
        return said

    def take(self, chunk: Mapping[str, Json]) -> list[Event]:
        """Take in a chunk. Returns the events it makes.

        Raises:
            ModelUnavailable: the provider sends the pieces of several calls mixed up.
        """
        if chunk.get("usage"):
            self.usage = chunk["usage"]
        choices = chunk.get("choices") or ()
        if not choices:
            return []
        self.finish_reason = choices[0].get("finish_reason") or self.finish_reason
        delta = choices[0].get("delta") or {}
        events: list[Event] = []
        if delta.get("reasoning_content"):
            events += self._piece(ReasoningItem, delta["reasoning_content"])
        if delta.get("content") or delta.get("refusal"):
            events += self._text(delta.get("content") or delta["refusal"])
        for place, piece in enumerate(delta.get("tool_calls") or ()):
            events += self._call_piece(piece, place)
        return events

    def release(self) -> list[Event]:
        """Tell the text held back."""
        self._holding = False
        held, self._held = self._held, []
        return [event for piece in held for event in self._piece(MessageItem, piece)]

    def drop_text(self) -> list[Event]:
        """End the answer without its text, none of which was told. Returns the last events."""
        self._held = []
        return self._end_item("completed")

    def close(self, *, cut: bool = False) -> list[Event]:
        """End the answer. Returns the last events. With `cut`, the item that was arriving stays incomplete."""
        events = self.release()
        return events + self._end_item("incomplete" if cut or self.was_cut else "completed")

    def _text(self, piece: str) -> list[Event]:
        self._texts.append(piece)
        if not self._holding:
            return self._piece(MessageItem, piece)
        self._held.append(piece)
        if not self._first:
            self._first = piece.lstrip()[:1]
        return self.release() if self._first in _BEGINNINGS and not self._holds_all else []

    def _piece(self, kind: type[MessageItem | ReasoningItem], piece: str) -> list[Event]:
        events: list[Event] = []
        if not isinstance(self._open, kind):
            events = self._end_item("completed")
            events += self._begin(kind(self._new_id(kind.kind), self._next_index))
        assert self._open is not None
        return [*events, self._open.add(piece)]

    def _call_piece(self, piece: Mapping[str, Json], place: int) -> list[Event]:
        """A call arrives with its id and name first; its arguments follow in pieces under the same index."""
        index = place if piece.get("index") is None else piece["index"]
        function = piece.get("function") or {}
        call = self._calls.get(index)
        events: list[Event] = []
        if call is None or (piece.get("id") and piece["id"] != call.id):
            call = Call(piece.get("id") or f"call_{uuid4().hex}", function.get("name") or "")
            self._calls[index] = call
            self._all_calls.append(call)
            events = self._begin_call(call)
        arguments = function.get("arguments") or ""
        call.pieces.append(arguments)
        if not arguments or call.name not in self._functions:
            return events
        if not isinstance(self._open, FunctionCallItem) or self._open.call_id != call.id:
            raise ModelUnavailable("the model provider mixed up the pieces of several tool calls")
        return [*events, self._open.add(arguments)]

    def _begin_call(self, call: Call) -> list[Event]:
        """Whatever came before is over; no form is asked of an answer that calls tools."""
        events = [*self.release(), *self._end_item("completed")]
        if call.name not in self._functions:
            return events
        item_id = self._new_id(FunctionCallItem.kind)
        return events + self._begin(FunctionCallItem(item_id, self._next_index, call_id=call.id, name=call.name))

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
