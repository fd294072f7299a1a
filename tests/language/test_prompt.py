"""Asking a model, and the rounds in which its tool calls are run."""

from typing import Any

import pytest

from tasks.steps.outcomes import Call, Done, EffectSucceeded, Event, Fail, InputReceived, Outcome, Wait
from tests.language.context import PlainContext
from tests.language.programs import step

TOOLS = {
    "web_search": {"name": "web_search", "type": "api_call", "api_call": {"url": "http://x", "method": "GET"}},
    "ask": {"name": "ask", "type": "function", "function": {}},
}


def _answer(content: str | None = None, calls: list[Any] | None = None, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    return {"choices": [{"message": message, "finish_reason": finish, "content": content}]}


def _call(id: str, name: str, arguments: str = '{"q": 1}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


class Conversation:
    """Drives one prompt step: gives it events and keeps what it asks for."""

    def __init__(self, **fields: Any) -> None:
        self.step = step({"prompt": "Hi {_.who}", **fields}, tools=[TOOLS["ask"]])
        self.outcome: Outcome = self.step.start(self._context(None))

    def _context(self, memory: Any) -> PlainContext:
        return PlainContext({"who": "Ada"}, memory=memory, tools=TOOLS)

    def tell(self, event: Event) -> Outcome:
        assert isinstance(self.outcome, Call | Wait)
        self.outcome = self.step.resume(self._context(self.outcome.memory), event)
        return self.outcome

    def asked(self) -> dict[str, Any]:
        assert isinstance(self.outcome, Call)
        assert self.outcome.effect.kind == "model"
        return self.outcome.effect.request


def test_request() -> None:
    talk = Conversation(settings={"temperature": 0, "stop": None}, disable_cache=True, timeout=5)
    assert talk.asked() == {
        "messages": [{"role": "user", "content": "Hi Ada"}],
        "settings": {"temperature": 0},
        "tools": None,
        "tool_choice": None,
        "disable_cache": True,
    }
    assert isinstance(talk.outcome, Call)
    assert talk.outcome.effect.options == {"timeout": 5}


@pytest.mark.parametrize(
    ("fields", "tools"),
    [
        ({}, None),
        ({"unwrap": True}, None),
        ({"tools": "all"}, "all"),
        ({"tools": ["ask"]}, [{"name": "ask"}]),
        ({"tools": []}, []),
        ({"tool_choice": "auto"}, "all"),
        ({"auto_run_tools": True}, "all"),
    ],
)
def test_tools_are_offered_when_asked_for(fields: Any, tools: Any) -> None:
    assert Conversation(**fields).asked()["tools"] == tools


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (_answer("hello"), Done("hello")),
        (_answer(None), Done("")),
        ({"choices": []}, Fail("`unwrap` needs exactly one choice, the model gave 0", "ValueError")),
        (
            {"choices": _answer("a")["choices"] * 2},
            Fail("`unwrap` needs exactly one choice, the model gave 2", "ValueError"),
        ),
        (
            _answer(None, [_call("1", "ask")], "tool_calls"),
            Fail("`unwrap` needs a text, but the model called a tool", "ValueError"),
        ),
    ],
)
def test_unwrap(answer: Any, outcome: Outcome) -> None:
    assert Conversation(unwrap=True).tell(EffectSucceeded(answer)) == outcome


def test_without_unwrap_the_output_is_the_whole_answer() -> None:
    answer = _answer(None, [_call("1", "ask")], "tool_calls")
    assert Conversation().tell(EffectSucceeded(answer)) == Done(answer)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("x", [{"role": "user", "content": "x"}]),
        ({"role": "system", "content": "x"}, [{"role": "system", "content": "x"}]),
        ([{"role": "user", "content": "x"}], [{"role": "user", "content": "x"}]),
    ],
)
def test_expression_may_give_text_or_messages(value: Any, messages: Any) -> None:
    asked = step({"prompt": "$ _"}).start(PlainContext(value))
    assert isinstance(asked, Call)
    assert asked.effect.request["messages"] == messages


@pytest.mark.parametrize("value", [None, 5, [], ["x"]])
def test_expression_that_gives_anything_else_fails(value: Any) -> None:
    assert isinstance(step({"prompt": "$ _"}).start(PlainContext(value)), Fail)


def test_tool_rounds() -> None:
    talk = Conversation(auto_run_tools=True, unwrap=True, tool_choice="required")
    assert talk.asked()["tool_choice"] == "required"
    calls = [_call("1", "web_search"), _call("2", "web_search", '{"q": 2}')]
    talk.tell(EffectSucceeded(_answer(None, calls, "tool_calls")))
    assert isinstance(talk.outcome, Call)
    assert talk.outcome.effect.kind == "tool"
    assert talk.outcome.effect.request == {
        "tool": TOOLS["web_search"],
        "arguments": {"q": 1},
        "from_model": True,
        "read": [],
    }
    talk.tell(EffectSucceeded({"hits": 3}))
    assert isinstance(talk.outcome, Call)
    assert talk.outcome.effect.request["arguments"] == {"q": 2}
    talk.tell(EffectSucceeded("none"))
    assert talk.asked()["tool_choice"] is None
    assert talk.asked()["messages"] == [
        {"role": "user", "content": "Hi Ada"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": '{"hits": 3}'},
        {"role": "tool", "tool_call_id": "2", "content": "none"},
    ]
    assert talk.tell(EffectSucceeded(_answer("found"))) == Done("found")


def test_arguments_that_are_no_object_are_told_to_the_model() -> None:
    talk = Conversation(auto_run_tools=True)
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "web_search", "{q:")])))
    assert talk.asked()["messages"][-1]["content"] == "error: the arguments must be the JSON text of an object"


def test_a_tool_that_is_not_there_is_told_to_the_model() -> None:
    talk = Conversation(tools="all", auto_run_tools=True)
    talk.tell(EffectSucceeded(_answer(calls=[_call("c1", "nope"), _call("c2", "web_search")])))
    talk.tell(EffectSucceeded("found"))
    told = {message.get("tool_call_id"): message["content"] for message in talk.asked()["messages"][-2:]}
    assert told == {"c1": "error: there is no tool 'nope'", "c2": "found"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("null", {}), ("[]", {}), ('""', {}), (" ", {}),
        (r'"{\"q\": 1}"', {"q": 1}), ('```json\n{"q": 1}\n```', {"q": 1}),
        ('{"q": "one\n\ttwo"}', {"q": "one\n\ttwo"}), (r'{"q": "\d+\n\\d"}', {"q": "\\d+\n\\d"}),
    ],
)  # fmt: skip
def test_arguments_are_read_as_they_are_meant(written: str, meant: Any) -> None:
    talk = Conversation(tools="all", auto_run_tools=True)
    outcome = talk.tell(EffectSucceeded(_answer(calls=[_call("c1", "web_search", written)])))
    assert isinstance(outcome, Call)
    assert outcome.effect.request["arguments"] == meant


@pytest.mark.parametrize("written", [r'{"q": "\ud83d\ude00 \ud83d"}', '{"q": "\U0001f600 \ud83d"}'])
def test_half_an_emoji_in_arguments_is_cleaned(written: str) -> None:
    talk = Conversation(tools="all", auto_run_tools=True)
    outcome = talk.tell(EffectSucceeded(_answer(calls=[_call("c1", "web_search", written)])))
    assert isinstance(outcome, Call)
    assert outcome.effect.request["arguments"] == {"q": "\U0001f600 \ufffd"}


def test_rounds_are_bounded() -> None:
    talk = Conversation(auto_run_tools=True, max_tool_rounds=1)
    again = EffectSucceeded(_answer(None, [_call("1", "web_search")]))
    talk.tell(again)
    talk.tell(EffectSucceeded(1))
    assert talk.tell(again) == Fail("the model still calls tools after 1 rounds", "LimitExceeded")


def test_the_last_question_allows_no_call() -> None:
    talk = Conversation(auto_run_tools=True, max_tool_rounds=1, tool_choice="required")
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "web_search")])))
    talk.tell(EffectSucceeded(1))
    assert talk.asked()["tool_choice"] == "none"


def test_calls_of_an_answer_that_was_cut_off_are_not_run() -> None:
    answer = _answer("Let me", [_call("1", "web_search", "")], "length")
    assert Conversation(auto_run_tools=True).tell(EffectSucceeded(answer)) == Done(answer)


def test_what_the_model_thought_is_shown_to_it_beside_the_results() -> None:
    thought = {"type": "thinking", "thinking": "Look first.", "signature": "sig-1"}
    answer = _answer(None, [_call("1", "web_search")])
    answer["choices"][0]["message"]["thinking_blocks"] = [thought]
    talk = Conversation(auto_run_tools=True)
    talk.tell(EffectSucceeded(answer))
    talk.tell(EffectSucceeded("none"))
    assert talk.asked()["messages"][1]["thinking_blocks"] == [thought]


@pytest.mark.parametrize("arguments", ["[" * 300 + "]" * 300, '{"q": "\\u0000"}', '{"q": NaN}', "[1]"])
def test_arguments_beyond_the_bounds_are_told_to_the_model(arguments: str) -> None:
    talk = Conversation(auto_run_tools=True)
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "web_search", arguments)])))
    assert talk.asked()["messages"][-1]["content"] == "error: the arguments must be the JSON text of an object"


def test_function_suspends_after_our_own_tools_ran() -> None:
    talk = Conversation(auto_run_tools=True)
    calls = [_call("1", "ask"), _call("2", "web_search")]
    talk.tell(EffectSucceeded(_answer("let me see", calls)))
    assert isinstance(talk.outcome, Call)
    waiting = talk.tell(EffectSucceeded("hits"))
    assert isinstance(waiting, Wait)
    assert waiting.info == [calls[0]]
    talk.tell(InputReceived({"answer": 42}))
    assert talk.asked()["messages"][2:] == [
        {"role": "tool", "tool_call_id": "2", "content": "hits"},
        {"role": "tool", "tool_call_id": "1", "content": '{"answer": 42}'},
    ]


def test_the_client_gets_preset_arguments_the_model_was_not_offered() -> None:
    asked = step({"prompt": "hi", "auto_run_tools": True}, tools=[TOOLS["ask"]])
    presets = {"ask": {"customer": 42}}
    ctx = PlainContext(memory={"messages": [], "rounds": 0}, tools=TOOLS, presets=presets)

    waiting = asked.resume(ctx, EffectSucceeded(_answer(None, [_call("1", "ask")])))

    assert isinstance(waiting, Wait)
    assert waiting.info == [_call("1", "ask", '{"q": 1, "customer": 42}')]


@pytest.mark.parametrize(
    "answer",
    [
        ["x", "y"],
        {"1": "x", "2": "y"},
        [{"tool_call_id": "2", "content": "y"}, {"role": "tool", "tool_call_id": "1", "content": "x"}],
    ],
)
def test_results_of_several_functions(answer: Any) -> None:
    talk = Conversation(auto_run_tools=True)
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "ask"), _call("2", "ask")])))
    talk.tell(InputReceived(answer))
    assert [message["content"] for message in talk.asked()["messages"][2:]] == ["x", "y"]


@pytest.mark.parametrize("answer", ["x", ["x"], {"1": "x"}, None])
def test_results_that_fit_no_call_fail_the_step(answer: Any) -> None:
    talk = Conversation(auto_run_tools=True)
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "ask"), _call("2", "ask")])))
    assert isinstance(talk.tell(InputReceived(answer)), Fail)


def test_tool_defined_in_the_step_itself() -> None:
    own = {"name": "own", "type": "api_call", "api_call": {"url": "http://y", "method": "GET"}}
    talk = Conversation(auto_run_tools=True, tools=[own])
    talk.tell(EffectSucceeded(_answer(None, [_call("1", "own")])))
    assert isinstance(talk.outcome, Call)
    assert talk.outcome.effect.request["tool"] == own
