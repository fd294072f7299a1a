"""One answer of a model, whole or put together from its chunks, and what is done alike for every provider and for all
who ask: how much an answer may say, and what some leave out or write in their own way."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import uuid4

from django.conf import settings

from agents.llm.dialogue import CUT_SHORT
from agents.llm.request import text_of
from julep_project.core.errors import ReplyTooLong
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text

# Each is carried out, or at least answered.
MOST_CALLS = 256


@dataclass(slots=True)
class ArrivingCall:
    """A call of a tool, while its arguments arrive. `given_id` is the provider's, which need not be one of its own."""

    id: str
    given_id: Json
    name: str
    type: str
    pieces: list[str] = field(default_factory=list)

    def whole(self) -> dict[str, Json]:
        """The call, as far as it came."""
        return {"id": self.id, "type": self.type, "function": {"name": self.name, "arguments": "".join(self.pieces)}}


class Piece(NamedTuple):
    """Something new in an answer: more of its text, its thoughts or a call's arguments, or that a call begins."""

    kind: Literal["thought", "text", "call", "arguments"]
    text: str
    call: ArrivingCall | None = None


class Answer:
    """One answer, as far as it came. Only one choice is asked for, and only the first that comes is looked at.

    `latest` is what the chunk added last has said. `logprobs` are those of an answer that came whole.
    """

    def __init__(self) -> None:
        self.origin: dict[str, Json] = {}
        self.usage: Mapping[str, Json] | None = None
        self.finish_reason: str | None = None
        self.logprobs: Json = None
        self.latest: list[Piece] = []
        self._index: Json = None
        self._characters = 0
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._blocks: list[dict[str, Json]] = []
        self._calls: list[ArrivingCall] = []
        self._places: dict[int, ArrivingCall] = {}

    def add(self, part: Mapping[str, Json]) -> None:
        """Take one more chunk, or a whole answer that is `mended`.

        Raises:
            ReplyTooLong: with it, the answer says more than one may.
        """
        if not self.origin:
            self.origin = {name: part.get(name) for name in ("id", "created", "model")}
        self.usage = part.get("usage") or self.usage
        self.latest = []
        choices = part.get("choices")
        if not choices:
            return
        if self._index is None:
            self._index = choices[0].get("index") or 0
        for choice in choices:
            if (choice.get("index") or 0) == self._index:
                self._add_choice(choice)
        self._check_length(choices)

    @property
    def is_cut(self) -> bool:
        """Whether the provider stopped the model before it was done."""
        return self.finish_reason in CUT_SHORT

    @property
    def text(self) -> str:
        """The words for the reader."""
        return "".join(self._texts)

    @property
    def calls(self) -> list[dict[str, Json]]:
        """The calls, in the order in which they began."""
        return [call.whole() for call in self._calls]

    def message(self) -> dict[str, Json]:
        """What was said to the reader, and is kept."""
        return {"role": "assistant", "content": self.text or None, "tool_calls": self.calls or None}

    def whole_message(self) -> dict[str, Json]:
        """All that was said, thoughts included. A block of thoughts without its signature was cut off, and no
        provider takes it back."""
        message, thoughts = self.message(), "".join(self._thoughts)
        blocks = [_whole_thought(block) for block in self._blocks if _is_ended(block)]
        if thoughts:
            message["reasoning_content"] = thoughts
        return {**message, "thinking_blocks": blocks} if blocks else message

    def _add_choice(self, choice: Mapping[str, Json]) -> None:
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        if "message" in choice:
            self.logprobs = choice.get("logprobs")
        said = choice.get("delta") or choice.get("message") or {}
        thought, text = said.get("reasoning_content"), said.get("content") or said.get("refusal")
        if thought and isinstance(thought, str):
            self._thoughts.append(thought)
            self.latest.append(Piece("thought", thought))
        if text and isinstance(text, str):
            self._texts.append(text)
            self.latest.append(Piece("text", text))
        for block in said.get("thinking_blocks") or ():
            _add_thought(self._blocks, block)
        for call in said.get("tool_calls") or ():
            self._add_call(call)

    def _add_call(self, delta: Mapping[str, Json]) -> None:
        function = delta.get("function") or {}
        name, arguments = _text(function.get("name")), _written(function.get("arguments"))
        call = self._call_of(delta, name) or self._begin(delta, name)
        call.name = call.name or name
        if arguments:
            call.pieces.append(arguments)
            self.latest.append(Piece("arguments", arguments, call))

    def _call_of(self, delta: Mapping[str, Json], name: str) -> ArrivingCall | None:
        """The call that a piece goes on with.

        All pieces of a call have its index, and the first its id and name, which some providers repeat. Others number
        all calls alike or none, give them one id or none, or give every piece an id of its own.
        """
        index, given_id = delta.get("index"), delta.get("id")
        latest = self._calls[-1] if self._calls else None
        call = latest if index is None else self._places.get(index)
        if call is None:
            return None
        has_its_id = not given_id or given_id == call.given_id
        if not name or (not call.name and has_its_id):
            return call if has_its_id or index is not None else None
        may_be_it = name == call.name and (has_its_id or not call.given_id)
        return call if may_be_it and (given_id or index is not None) else None

    def _begin(self, delta: Mapping[str, Json], name: str) -> ArrivingCall:
        if len(self._calls) == MOST_CALLS:
            raise ReplyTooLong(f"The model's reply calls tools more than {MOST_CALLS} times")
        given_id, index = delta.get("id"), delta.get("index")
        taken = {call.id for call in self._calls}
        call = ArrivingCall(_own_id(given_id, taken), given_id, name, delta.get("type") or "function")
        self._calls.append(call)
        if index is not None:
            self._places[index] = call
        self.latest.append(Piece("call", "", call))
        return call

    def _check_length(self, choices: Json) -> None:
        """Each piece counts for something, since there may be no end of empty ones either."""
        self._characters += 1 + _characters(choices)
        if self._characters > settings.MAX_REPLY_CHARACTERS:
            raise ReplyTooLong(f"The model's reply is longer than {settings.MAX_REPLY_CHARACTERS} characters")


def mended(answer: Mapping[str, Json]) -> dict[str, Json]:
    """A whole answer in which every call has an id of its own and a function, and every text is one. What a model says
    to refuse is what it says."""
    choices = [{**choice, "message": _mended(choice.get("message") or {})} for choice in answer.get("choices") or ()]
    return {**answer, "choices": choices}


def _mended(message: Mapping[str, Json]) -> dict[str, Json]:
    content, calls = message.get("content"), message.get("tool_calls")
    if not content:
        beside = message.get("provider_specific_fields") or {}
        content = message.get("refusal") or beside.get("refusal") or content
    elif not isinstance(content, str):
        content = text_of(message)
    whole = {**message, "content": content}
    return {**whole, "tool_calls": _mended_calls(calls)} if calls else whole


def _mended_calls(calls: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    ids: set[str] = set()
    whole = []
    for call in calls:
        function = call.get("function") or {}
        function = {**function, "name": _text(function.get("name")), "arguments": _written(function.get("arguments"))}
        whole.append({**call, "id": _own_id(call.get("id"), ids), "function": function})
        ids.add(whole[-1]["id"])
    return whole


def _own_id(given: Json, taken: Collection[str]) -> str:
    """The id of a call. Results are told apart by it."""
    return given if isinstance(given, str) and given and given not in taken else f"call_{uuid4().hex}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _written(arguments: Json) -> str:
    return arguments if isinstance(arguments, str) else "" if arguments is None else to_json_text(arguments)


def _add_thought(blocks: list[dict[str, Json]], piece: Mapping[str, Json]) -> None:
    """A block ends with its signature; one that is encrypted comes whole, as `data`."""
    if not blocks or _is_ended(blocks[-1]) or piece.get("data"):
        blocks.append(dict(piece) if "thinking" not in piece else {**piece, "thinking": [piece["thinking"] or ""]})
        return
    last = blocks[-1]
    last.setdefault("thinking", []).append(piece.get("thinking") or "")
    if piece.get("signature"):
        last["signature"] = piece["signature"]


def _is_ended(block: Mapping[str, Json]) -> bool:
    return bool(block.get("signature") or block.get("data"))


def _whole_thought(block: dict[str, Json]) -> dict[str, Json]:
    return {**block, "thinking": "".join(block["thinking"])} if "thinking" in block else block


def _characters(choices: Json) -> int:
    """The characters of all texts, and one for each item of a list."""
    count, left = 0, [choices]
    while left:
        value = left.pop()
        if isinstance(value, str):
            count += len(value)
        elif isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            count += len(value)
            left.extend(value)
    return count
