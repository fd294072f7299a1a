"""However an answer is cut into pieces, and whatever is odd about its calls, a chat, a response and a prompt step make
the same of it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm import gateway
from agents.llm.answer import Answer, mended
from agents.llm.dialogue import CUT_SHORT
from agents.llm.own.answer import completion
from agents.models import Developer
from julep_project.core.json_value import Json
from sessions.models import Entry
from sessions.responses.answering.reading import AnswerItems, Telling
from tasks.steps.outcomes import Done, EffectSucceeded
from tests.chat.conftest import Talk, spoken
from tests.examples import examples
from tests.language.context import PlainContext
from tests.language.programs import step
from tests.responses.conftest import ResponsesClient, text_of

_EXAMPLES = 250
_EXAMPLES_OVER_HTTP = 12
_NAMES = ("f", "g", "h")
# Brackets that are closed end a call, and tags set thoughts apart.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}[]<"), max_size=12)
_REASONS = ("stop", "tool_calls", "length", "content_filter", "eos")


@dataclass(frozen=True)
class Said:
    """What a model says, what is odd about it, and the deltas it comes in."""

    text: str
    calls: list[tuple[str, str]]
    ids: list[Any]
    reason: str
    deltas: list[dict[str, Any]]

    def message(self) -> dict[str, Json]:
        made = zip(self.calls, self.ids, strict=True)
        calls = [{"id": id_, "function": {"name": name, "arguments": written}} for (name, written), id_ in made]
        return {"content": self.text, "tool_calls": calls}

    def choices(self) -> Iterator[dict[str, Json]]:
        for delta in self.deltas:
            yield {"index": 0, "delta": delta, "finish_reason": None}
        yield {"index": 0, "delta": {}, "finish_reason": self.reason}

    def made(self) -> "Made":
        """What has to come of it."""
        calls = [(name, written or "{}") for name, written in self.calls]
        return Made(self.text, calls, self.reason in CUT_SHORT)


@st.composite
def answers(draw: st.DrawFn) -> Said:
    """An answer in pieces: thoughts, text, calls one after the other, and more text."""
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True))
    calls = [(name, draw(_TEXTS)) for name in names]
    ids = [draw(st.sampled_from(["own", "same", "", None])) for _ in calls]
    ids = [f"call_{number}" if id_ == "own" else id_ for number, id_ in enumerate(ids)]
    numbers = draw(st.sampled_from([list(range(len(calls))), [0] * len(calls), [None] * len(calls)]))
    before, after = draw(_TEXTS), draw(_TEXTS)
    deltas = [
        *({"reasoning_content": piece} for piece in _cut(draw, draw(_TEXTS))),
        *({"content": piece} for piece in _cut(draw, before)),
    ]
    for (name, written), id_, number in zip(calls, ids, numbers, strict=True):
        marks = {"index": number, "id": id_}
        repeats = draw(st.booleans()) and (bool(id_) or number is not None)
        first, *rest = _cut(draw, written) or [""]
        deltas.append({"tool_calls": [{**marks, "function": {"name": name, "arguments": first}}]})
        again = {**marks, "function": {"name": name}} if repeats else {"index": number, "function": {}}
        deltas += [{"tool_calls": [{**again, "function": {**again["function"], "arguments": one}}]} for one in rest]
    deltas += [{"content": piece} for piece in _cut(draw, after)]
    return Said(before + after, calls, ids, draw(st.sampled_from(_REASONS)), _joined(draw, deltas))


def _cut(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces, some of which may be empty."""
    ends = [*sorted(draw(st.lists(st.integers(0, len(text)), max_size=3))), len(text)]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)] if text else []


def _joined(draw: st.DrawFn, deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some pieces of calls come together."""
    joined: list[dict[str, Any]] = []
    for delta in deltas:
        if joined and delta.keys() == joined[-1].keys() == {"tool_calls"} and draw(st.booleans()):
            joined[-1] = {"tool_calls": joined[-1]["tool_calls"] + delta["tool_calls"]}
        else:
            joined.append(delta)
    return joined


class Model:
    """Says one thing, to everybody who asks."""

    usage = None

    def __init__(self, said: Said) -> None:
        self._said = said

    def answer(self, request: Any) -> dict[str, Any]:
        return completion(request, self._said.message(), self._said.reason)

    def stream(self, request: Any) -> "Model":
        return self

    async def chunks(self) -> AsyncGenerator[dict[str, Any]]:
        for choice in self._said.choices():
            yield {"id": "x", "created": 1, "model": "m", "choices": [choice]}

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True)
class Made:
    """What a surface makes of an answer."""

    text: str
    calls: list[tuple[str, str]]
    is_cut: bool


def _made(text: str | None, calls: Any, is_cut: bool) -> Made:
    made = list(calls or ())
    ids = [one["id"] for one in made]
    assert all(isinstance(id_, str) and id_ for id_ in ids) and len(set(ids)) == len(ids)
    return Made(text or "", [(one["function"]["name"], one["function"]["arguments"]) for one in made], is_cut)


def _chats(talk: Talk, agent: str) -> Iterator[Made]:
    session = talk.session(agent)
    events = talk.listen(session, "Hi")
    (last,) = events[-1]["choices"]
    entry = Entry.objects.get(session_id=session, role="assistant")
    assert entry.tool_calls == last["tool_calls"]
    # With calls, that there are some is the reason.
    is_cut = last["finish_reason"] in CUT_SHORT
    yield _made(spoken(events), last["tool_calls"], is_cut)
    yield _made(entry.content, entry.tool_calls, is_cut)


def _responds(api: ResponsesClient) -> Made:
    body = api.stream(tools=[{"type": "function", "name": name} for name in _NAMES])[-1]["response"]
    items = [item for item in body["output"] if item["type"] == "function_call"]
    calls = [{"id": item["call_id"], "function": item} for item in items]
    return _made(text_of(body), calls, body["status"] == "incomplete")


def _step() -> Made:
    asked = step({"prompt": "Hi", "tools": "all"})
    answer = gateway.complete(Developer.objects.get(), model="m", messages=[{"role": "user", "content": "Hi"}])
    outcome = asked.resume(PlainContext(memory={}), EffectSucceeded(answer))
    assert isinstance(outcome, Done)
    (choice,) = outcome.value["choices"]
    message = choice["message"]
    return _made(message["content"], message["tool_calls"], choice["finish_reason"] in CUT_SHORT)


@pytest.fixture
def agent(talk: Talk) -> str:
    """An agent with the functions that are called."""
    agent = talk.agent()
    for name in _NAMES:
        talk.tool(agent, name=name, type="function", function={"parameters": {"type": "object"}})
    return agent


@examples(_EXAMPLES)
@given(said=answers())
def test_pieces_make_the_whole(said: Said) -> None:
    in_pieces, whole = Answer(), Answer()
    items = AnswerItems(UUID(int=1), 0, Telling(functions=_NAMES))
    for choice in said.choices():
        in_pieces.add({"choices": [choice]})
        items.answer.add({"choices": [choice]})
        items.tell(items.answer.latest)
    in_pieces.end()
    items.answer.end()
    items.tell(items.answer.latest)
    whole.add(mended({"choices": [{"message": said.message(), "finish_reason": said.reason}]}))
    items.close()
    for answer in (in_pieces, whole, items.answer):
        assert _made(answer.text, answer.calls, answer.is_cut) == said.made()
    told = [(item["name"], item["arguments"]) for item in items.items if item["type"] == "function_call"]
    assert told == said.made().calls


@examples(_EXAMPLES_OVER_HTTP)
@given(said=answers())
def test_the_same_comes_of_it_everywhere(said: Said, talk: Talk, agent: str) -> None:
    model, made = Model(said), said.made()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("gateway", "stream"):
            patch.setattr(f"agents.llm.{module}.active_script", lambda: model)
        chats = list(_chats(talk, agent))
        others = [_responds(ResponsesClient(asyncio.run)), _step()]
    assert chats == [replace(made, is_cut=made.is_cut and not said.calls)] * 2
    assert others == [made] * 2
