"""One answer of a model, whole or put together from its chunks, and what is done alike for every provider and for all
who ask: how much an answer may say, and what some leave out or write in their own way."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal
from uuid import uuid4

from django.conf import settings

from agents.llm.chunks import OF_ORIGIN
from agents.llm.dialogue import CUT_SHORT
from agents.llm.pieces import NO_ARGUMENTS, ArrivingCall, Characters, Order, Piece, TaggedThoughts
from agents.llm.said import CallPiece, Logprobs, end_of, read_said
from julep_project.core.errors import ReplyTooLong
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_storable

__all__ = ["ArrivingCall", "Answer", "Piece", "mended"]

# Each is carried out, or at least answered.
MOST_CALLS = 256
Spoken = Literal["text", "refusal", "thought"]


class Answer:
    """One answer, as far as it came. Of several choices only the first that comes is looked at.

    `latest` is what may be told since the chunk added last, or since the end: pieces in an order in which nothing
    begins before what came before it is over.
    """

    def __init__(self) -> None:
        self.origin: dict[str, Json] = {}
        self.usage: Mapping[str, Json] | None = None
        self.latest: list[Piece] = []
        self.taken_ids: Collection[str] = ()
        """Of calls made before, which no call of this answer may have."""
        self.tool_names: Mapping[str, str] = {}
        """The names of tools whose provider knows them by another."""
        self._characters = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._index: Json = None
        self._end: str | None = None
        self.stop_sequence: str | None = None
        """The text that stopped the model, of those that were to, where its provider tells."""
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._thoughts: list[str] = []
        self._logprobs = Logprobs()
        self._blocks: list[dict[str, Json]] = []
        self._calls: list[ArrivingCall] = []
        self._places: dict[int, ArrivingCall] = {}
        self._order = Order()
        self._halves = {"text": Characters(), "refusal": Characters(), "thought": Characters()}
        self._tagged = TaggedThoughts()

    def add(self, part: Mapping[str, Json]) -> None:
        """Take one more chunk, or a whole answer that is `mended`.

        Raises:
            ReplyTooLong: with it, the answer says more than one may.
        """
        if not self.origin:
            self.origin = to_storable({name: part.get(name) for name in ("id", "created", "model")})
        self.origin.update(to_storable({name: part[name] for name in OF_ORIGIN if part.get(name) is not None}))
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

    def end(self) -> None:
        """Nothing more comes. `latest` is what had to wait for that."""
        pieces: list[Piece] = []
        kinds: tuple[Spoken, ...] = ("thought", "text", "refusal")
        for kind in kinds:
            pieces += self._spoken(kind, self._halves[kind].end())
        pieces += self._tagged.end()
        for call in self._calls:
            pieces += self._written(call, call.characters.end())
        self._keep(pieces)
        self.latest = [*self._order.take(pieces), *self._order.end(self._calls)]

    def again(self) -> None:
        """The answer is asked for once more. What was thought stays, and counts together with what comes."""
        thoughts = self._thoughts
        self._begin_anew()
        self._thoughts = thoughts

    @property
    def finish_reason(self) -> str | None:
        """Why it ended: `stop`, `tool_calls`, `length` or `content_filter`. None as long as it was not said."""
        return "tool_calls" if self._end == "stop" and self._calls else self._end

    @property
    def is_cut(self) -> bool:
        """Whether the provider stopped the model before it was done."""
        return self.finish_reason in CUT_SHORT

    @property
    def text(self) -> str:
        """The words for the reader."""
        return "".join(self._texts)

    @text.setter
    def text(self, text: str) -> None:
        self._texts = [text]

    @property
    def refusal(self) -> str:
        """What the model said to refuse, in place of the text that was asked for."""
        return "".join(self._refusals)

    @property
    def logprobs(self) -> dict[str, Json] | None:
        """How probable the words were, where they were asked for."""
        return self._logprobs.whole()

    @property
    def calls(self) -> list[dict[str, Json]]:
        """The calls, in the order in which they began."""
        return [call.whole() for call in self._calls]

    @property
    def thoughts(self) -> str:
        """What the model thought, where its provider tells."""
        return "".join(self._thoughts)

    def signed_thoughts(self, start: int = 0) -> list[dict[str, Json]]:
        """The blocks of thoughts that are whole, but for so many. One without its signature was cut off, and no
        provider takes it back."""
        return [_whole_thought(block) for block in self._blocks[start:] if _is_ended(block)]

    def message(self) -> dict[str, Json]:
        """What was said to the reader, and is kept. It has a `refusal` only if there was one."""
        message = {"role": "assistant", "content": self.text or None, "tool_calls": self.calls or None}
        return {**message, "refusal": self.refusal} if self._refusals else message

    def choices_so_far(self) -> list[dict[str, Json]]:
        """What has come, for its record."""
        return [{"message": self.whole_message(), "finish_reason": self.finish_reason}]

    def whole_message(self) -> dict[str, Json]:
        """All that was said, thoughts included."""
        message, blocks = self.message(), self.signed_thoughts()
        if self._thoughts:
            message["reasoning_content"] = self.thoughts
        return {**message, "thinking_blocks": blocks} if blocks else message

    def _add_choice(self, choice: Mapping[str, Json]) -> None:
        if self._end not in CUT_SHORT:  # some libraries end an answer once more
            self._end = end_of(choice.get("finish_reason")) or self._end
        if isinstance(choice.get("stop_sequence"), str):
            self.stop_sequence = to_storable(choice["stop_sequence"])
        self._logprobs.add(choice.get("logprobs"))
        said = read_said(choice.get("delta") or choice.get("message"))
        pieces = [*self._spoken("thought", self._halves["thought"].feed(said.thought))]
        pieces += self._spoken("text", self._halves["text"].feed(said.text))
        pieces += self._spoken("refusal", self._halves["refusal"].feed(said.refusal))
        for block in said.blocks:
            _add_thought(self._blocks, to_storable(block))
        self._keep(pieces)
        self.latest += self._order.take(pieces)
        for call in said.calls:
            self._add_call(call, is_whole="message" in choice)

    def _spoken(self, kind: Spoken, text: str) -> Iterator[Piece]:
        if kind == "text":
            yield from self._tagged.feed(text)
        elif text:
            yield Piece(kind, text)

    def _keep(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.kind == "text":
                self._texts.append(piece.text)
            elif piece.kind == "refusal":
                self._refusals.append(piece.text)
            elif piece.kind == "thought":
                self._thoughts.append(piece.text)

    def _add_call(self, delta: CallPiece, *, is_whole: bool) -> None:
        name = self.tool_names.get(delta.name, to_storable(delta.name))
        call = (None if is_whole else self._call_of(delta, name)) or self._begin(delta, name)
        if name and not call.name:
            call.name = name
            self.latest += self._order.named()
        self.latest += self._order.take(self._written(call, call.characters.feed(delta.arguments)))

    def _written(self, call: ArrivingCall, arguments: str) -> list[Piece]:
        """More of a call's arguments. Some providers begin with none, and then write them."""
        if not arguments or call.is_closed or (not call.pieces and arguments == NO_ARGUMENTS):
            return []
        call.add(arguments)
        return [Piece("arguments", arguments, call)]

    def _call_of(self, delta: CallPiece, name: str) -> ArrivingCall | None:
        """The call that a piece goes on with.

        All pieces of a call have its index, and the first its id and name, which some providers repeat. Others number
        all calls alike or none, give them one id or none, or give every piece an id of its own.
        """
        latest = self._calls[-1] if self._calls else None
        call = latest if delta.index is None else self._places.get(delta.index)
        if call is None:
            return None
        has_its_id = not delta.id or delta.id == call.given_id
        if not name or (not call.name and has_its_id):
            return call if has_its_id or delta.index is not None else None
        may_be_it = name == call.name and (has_its_id or not call.given_id)
        if not may_be_it or not (delta.id or delta.index is not None):
            return None
        return None if delta.arguments and call.is_over else call

    def _begin(self, delta: CallPiece, name: str) -> ArrivingCall:
        if len(self._calls) == MOST_CALLS:
            raise ReplyTooLong(f"The model's reply calls tools more than {MOST_CALLS} times")
        taken = {*self.taken_ids, *(call.id for call in self._calls)}
        own_id = _own_id(to_storable(delta.id), taken)
        call = ArrivingCall(own_id, delta.id, name, to_storable(delta.type), len(self._calls))
        self._calls.append(call)
        if delta.index is not None:
            self._places[delta.index] = call
        self.latest += self._order.take([Piece("call", "", call)])
        return call

    def _check_length(self, choices: Json) -> None:
        """Each piece counts for something, since there may be no end of empty ones either."""
        self._characters += 1 + _characters(choices)
        if self._characters > settings.MAX_REPLY_CHARACTERS:
            raise ReplyTooLong(f"The model's reply is longer than {settings.MAX_REPLY_CHARACTERS} characters")


def choices_of(answer: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The choices of a whole answer, for its record; their texts stand in it twice."""
    choices = answer.get("choices") or ()
    return [{name: part for name, part in choice.items() if name != "content"} for choice in choices]


def mended(
    answer: Mapping[str, Json], *, taken_ids: Collection[str] = (), tool_names: Mapping[str, str] | None = None
) -> dict[str, Json]:
    """A whole answer in which every call has an id of its own and a function, every text is one, thoughts are apart,
    and all can be stored. What a model says to refuse is its `refusal`, whatever form it came in."""
    choices = []
    for choice in answer.get("choices") or ():
        one = Answer()
        one.taken_ids, one.tool_names = taken_ids, tool_names or {}
        try:
            one.add({"choices": [choice]})
        except ReplyTooLong:
            # Who asked is told when it is added to the answer of that one; the usage is to be known.
            choices.append({**to_storable(choice), "message": to_storable(choice.get("message") or {})})
            continue
        one.end()
        said = to_storable(choice.get("message") or {})
        message = {**said, **one.whole_message()}
        if one.calls:
            message["function_call"] = None
        told = {"message": message, "finish_reason": one.finish_reason or "stop", "logprobs": one.logprobs}
        choices.append({**to_storable(choice), **told})
    return {**to_storable({name: part for name, part in answer.items() if name != "choices"}), "choices": choices}


def _own_id(given: Json, taken: Collection[str]) -> str:
    """The id of a call. Results are told apart by it."""
    return given if isinstance(given, str) and given and given not in taken else f"call_{uuid4().hex}"


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
