"""The answer of a chat, whole and in chunks, as clients parse it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.llm.answer import Answer
from agents.llm.dialogue import CUT_SHORT, Call
from agents.llm.pieces import Piece
from julep_project.core.api.renderers import to_json
from julep_project.core.clock import now, to_wire
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json

_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
# The only reasons clients know; whatever else a provider says counts as a normal end.
_REASONS = frozenset({"stop", *CUT_SHORT})
_FILLER_REASON = "stop"
# Nothing was called: a person must agree first.
REQUIRES_ACTION = "requires_action"
FINISH_REASONS = (*sorted(_REASONS), "tool_calls", REQUIRES_ACTION)
# How most providers call what a model thought.
_THOUGHTS = "reasoning_content"
_REFUSAL = "refusal"
# Where the text of a piece stands.
_DELTAS = {"text": "content", "refusal": _REFUSAL, "thought": _THOUGHTS}


@dataclass(slots=True)
class Envelope:
    """What the whole answer and each of its chunks say alike. `docs` are set before the first chunk is made."""

    id: str = field(default_factory=lambda: str(uuid7()))
    created_at: str = field(default_factory=lambda: to_wire(now()))
    docs: list[dict[str, Json]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    _encoded_docs: bytes | None = field(default=None, init=False, repr=False)

    def around(
        self, choices: Sequence[Json], usage: Mapping[str, int] | None, asked: Sequence[Json] = ()
    ) -> dict[str, Json]:
        """The body around these choices. `asked`: calls that a person has to decide about."""
        body = {
            "id": self.id,
            "created_at": self.created_at,
            "jobs": self.jobs,
            "docs": self.docs,
            "usage": usage,
            "choices": choices,
        }
        return {**body, REQUIRES_ACTION: list(asked)} if asked else body

    def chunk(self, choice: Json) -> bytes:
        """The encoded body around one of many deltas. The docs are encoded once for all of them."""
        if self._encoded_docs is None:
            self._encoded_docs = to_json(self.docs)
        body = self.around([choice], None)
        del body["docs"]
        return to_json({**body, "jobs": []})[:-1] + b',"docs":' + self._encoded_docs + b"}"


def choice_to_wire(
    index: int, reply: Answer, calls: Sequence[Call], name: str | None, *, waits: bool = False
) -> dict[str, Json]:
    """One agent's whole reply. `calls` are those the client is to answer, `name` the agent's where several answer. It
    `waits` if a person must agree to others."""
    shown = list(calls) or None
    message: dict[str, Json] = {"role": "assistant", "content": reply.text or None, "tool_calls": shown}
    if reply.refusal:
        message[_REFUSAL] = reply.refusal
    if reply.thoughts:
        message[_THOUGHTS] = reply.thoughts
    if name is not None:
        message["name"] = name
    return {
        "index": index,
        "finish_reason": _finish_reason(reply, calls, waits),
        "message": message,
        "tool_calls": shown,
        "logprobs": reply.logprobs,
    }


def piece_chunk(index: int, piece: Piece) -> dict[str, Json]:
    """The choice of a chunk that adds to a reply or a refusal, or to what was thought before it."""
    return _chunk_choice(index, {"role": "assistant", "content": None, _DELTAS[piece.kind]: piece.text})


def last_chunk(index: int, reply: Answer, calls: Sequence[Call], *, waits: bool = False) -> dict[str, Json]:
    """The choice of the chunk that ends a reply: its reason, and the calls the client is to answer."""
    delta: dict[str, Json] = {"role": "assistant", "content": None}
    if calls:
        delta["tool_calls"] = calls
    choice = _chunk_choice(index, delta)
    return {**choice, "finish_reason": _finish_reason(reply, calls, waits), "tool_calls": calls or None}


def chunks_of(answer: Mapping[str, Json]) -> list[dict[str, Json]]:
    """A whole answer as a stream: what every agent thought and said, then the end."""
    said = [
        piece_chunk(choice["index"], piece)
        for choice in answer["choices"]
        for piece in (
            Piece("thought", choice["message"].get(_THOUGHTS) or ""),
            Piece("text", choice["message"]["content"] or ""),
            Piece("refusal", choice["message"].get(_REFUSAL) or ""),
        )
        if piece.text
    ]
    ends = [_end_of(choice) for choice in answer["choices"]]
    plain = {name: part for name, part in answer.items() if name != REQUIRES_ACTION}
    return [*({**plain, "jobs": [], "usage": None, "choices": [one]} for one in said), {**answer, "choices": ends}]


def _end_of(choice: Mapping[str, Json]) -> dict[str, Json]:
    delta: dict[str, Json] = {"role": "assistant", "content": None}
    if choice["tool_calls"]:
        delta["tool_calls"] = choice["tool_calls"]
    end = _chunk_choice(choice["index"], delta)
    return {**end, "finish_reason": choice["finish_reason"], "tool_calls": choice["tool_calls"]}


def _chunk_choice(index: int, delta: Mapping[str, Json]) -> dict[str, Json]:
    return {"index": index, "delta": delta, "finish_reason": _FILLER_REASON, "logprobs": None, "tool_calls": None}


def total_usage(usages: Iterable[Mapping[str, Json]]) -> dict[str, int]:
    """What several model calls used together; 0 where no provider has told."""
    told = list(usages)
    return {name: sum(int(usage.get(name) or 0) for usage in told) for name in _USAGE}


def _finish_reason(reply: Answer, calls: Sequence[Call], waits: bool) -> str:
    """`requires_action` when a person has to decide; else `tool_calls` exactly when the client has calls to answer."""
    if waits:
        return REQUIRES_ACTION
    if calls:
        return "tool_calls"
    return reply.finish_reason if reply.finish_reason in _REASONS else _FILLER_REASON
