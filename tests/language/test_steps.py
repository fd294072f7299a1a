"""What each kind of step asks of the engine, and how it goes on."""

from typing import Any

import pytest

from tasks.steps.kinds.while_ import MAX_TURNS
from tasks.steps.outcomes import (
    Append,
    BodyFailed,
    BodyFinished,
    BodyReturned,
    Call,
    CallWorkflow,
    Child,
    ChildrenJoined,
    Done,
    Effect,
    EffectSucceeded,
    Enter,
    Fail,
    Fork,
    Increment,
    InputReceived,
    Outcome,
    Return,
    Sleep,
    TimedOut,
    Wait,
    Woken,
)
from tests.language.context import PlainContext
from tests.language.programs import step

LOG = {"log": "x"}
TOOLS = {
    "find": {"name": "find", "type": "api_call", "api_call": {"url": "http://x", "method": "GET"}},
    "ask": {"name": "ask", "type": "function", "function": {}},
    "screen": {"name": "screen", "type": "computer_20241022", "computer_20241022": {}},
}


def _start(raw: Any, input: Any = None, **context: Any) -> Outcome:
    tools = list(TOOLS.values())
    return step(raw, tools=tools).start(PlainContext(input, tools=TOOLS, **context))


@pytest.mark.parametrize(
    ("raw", "input", "outcome"),
    [
        ({"evaluate": {"a": "_.n + 1", "b": [2]}}, {"n": 1}, Done({"a": 2, "b": [2]})),
        ({"evaluate": "_.n + 1"}, {"n": 1}, Done(2)),
        ({"evaluate": {"a": "_", "b": "x {_}"}}, 5, Done({"a": 5, "b": "x 5"})),
        ({"increment": {"a": "_.n"}}, {"n": 2}, Done({"a": 2}, changes=(Increment("a", 2),))),
        (
            {"set": {"a": 1}, "append": {"b": "_"}, "increment": {"c": -0.5}},
            [3],
            Done({"a": 1, "c": -0.5, "b": [3]}, state={"a": 1}, changes=(Increment("c", -0.5), Append("b", [3]))),
        ),
        ({"set": {"a": "_.n"}}, {"n": 1}, Done({"a": 1}, state={"a": 1})),
        ({"log": "n is {_.n}"}, {"n": 1}, Done({"n": 1}, metadata={"log": "n is 1"})),
        ({"log": "$ _"}, {"n": 1}, Done({"n": 1}, metadata={"log": '{"n": 1}'})),
        ({"return": {"a": "_.n"}}, {"n": 1}, Return({"a": 1})),
        ({"return": None}, 1, Return(None)),
        ({"error": "bad {_}"}, 1, Fail("bad 1")),
        ({"error": "$ _"}, [1], Fail("[1]")),
        ({"sleep": {"minutes": 1, "seconds": "_"}}, 5, Sleep(65.0)),
        ({"sleep": "_ * 60"}, 2, Sleep(120.0)),
        ({"sleep": "_"}, 0, Fail("the time to sleep must be more than 0", "ValueError")),
        ({"sleep": "_"}, "x", Fail("sleep seconds must be a number", "ValueError")),
        ({"sleep": "_"}, True, Fail("sleep seconds must be a number", "ValueError")),
        ({"sleep": "10 ** 100"}, 0, Fail("the time to sleep must be at most 10 years", "ValueError")),
        ({"wait_for_input": {"info": {"q": "_"}}}, 1, Wait({"q": 1})),
        ({"wait_for_input": {"info": 1, "timeout": 9}}, 1, Wait(1, timeout=9)),
        ({"if": "_ > 1", "then": LOG}, 2, Enter("then", 2, display="if_else.then")),
        ({"if": "_ > 1", "then": LOG, "else": LOG}, 1, Enter("else", 1, display="if_else.else")),
        ({"if": "_ > 1", "then": LOG}, 1, Done(1)),
        (
            {"switch": [{"case": "_ == 1", "then": LOG}, {"case": "_", "then": LOG}]},
            1,
            Enter("case[0]", 1, display="case"),
        ),
        (
            {"switch": [{"case": "_ == 1", "then": LOG}, {"case": "_", "then": LOG}]},
            0,
            Enter("case[1]", 0, display="case"),
        ),
        ({"switch": [{"case": "_ == 1", "then": LOG}]}, 0, Fail("no case of the switch holds", "NoMatch")),
        ({"foreach": {"in": "_", "do": LOG}}, [], Done([])),
        ({"over": "_", "map": LOG}, [], Done([])),
        ({"over": "_", "map": LOG, "reduce": "results + _", "initial": 7}, [], Done(7)),
        ({"over": "_", "map": LOG, "reduce": "sum(results)"}, [], Done(0)),
        ({"parallel": []}, 1, Done([])),
        (
            {"parallel": [LOG, [LOG]]},
            1,
            Fork([Child("parallel[0]", 1, "parallel[0]"), Child("parallel[1]", 1, "parallel[1]")], parallelism=2),
        ),
        ({"while": "_ < 3", "do": LOG}, 3, Done(3)),
        ({"while": "_ < 3", "do": LOG}, 1, Enter("do", 1, display="while[0]", memory=0)),
        ({"workflow": "main"}, 1, CallWorkflow("main", 1)),
        ({"workflow": "main", "arguments": {"a": "_"}}, 1, CallWorkflow("main", {"a": 1})),
        ({"workflow": "main", "arguments": "_ + 1"}, 1, CallWorkflow("main", 2)),
    ],
)
def test_start(raw: Any, input: Any, outcome: Outcome) -> None:
    assert _start(raw, input) == outcome


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"increment": {"new": "'x'"}}, "'new' cannot be incremented: 'x' is not a number that can be added to"),
        ({"increment": {"new": True}}, "'new' cannot be incremented: True is not a number that can be added to"),
        ({"increment": {"new": None}}, "'new' cannot be incremented: None is not a number that can be added to"),
        ({"increment": {"text": 1}}, "'text' cannot be incremented: 'abc' is not a number that can be added to"),
        ({"increment": {"large": "9e299"}}, "'large' would become too large a number"),
        ({"append": {"text": 1}}, "nothing can be appended to 'text': 'abc' is not a list"),
        ({"set": {"text": []}, "append": {"large": 1}}, "nothing can be appended to 'large': 9e+299 is not a list"),
    ],
)
def test_a_value_that_cannot_be_changed_fails_the_step(raw: Any, message: str) -> None:
    assert _start(raw, stored={"text": "abc", "large": 9e299}) == Fail(message, "TypeError")


@pytest.mark.parametrize("value", ["abc", 5, None, True])
@pytest.mark.parametrize("raw", [{"foreach": {"in": "_", "do": LOG}}, {"over": "_", "map": LOG}])
def test_what_cannot_be_gone_over_fails_the_step(raw: Any, value: Any) -> None:
    outcome = _start(raw, value)
    assert isinstance(outcome, Fail)
    assert outcome.type == "TypeError"


def test_get() -> None:
    assert _start({"get": "a"}, stored={"a": 1}) == Done(1)
    assert _start({"get": "b"}, stored={"a": 1}) == Done(None)
    assert _start({"get": ["a", "b"]}, stored={"a": 1}) == Done({"a": 1, "b": None})


def test_bodies_hand_on_their_output() -> None:
    for raw in ({"if": "_", "then": LOG}, {"switch": [{"case": "_", "then": LOG}]}, {"workflow": "main"}):
        assert step(raw).resume(PlainContext(1), BodyFinished(5)) == Done(5)


def test_sleep_passes_its_input_on() -> None:
    assert step({"sleep": 5}).resume(PlainContext({"n": 1}), Woken()) == Done({"n": 1})


def test_wait_outputs_the_answer() -> None:
    assert step({"wait_for_input": {"info": 1}}).resume(PlainContext(), InputReceived([1])) == Done([1])


def test_wait_that_nobody_answers() -> None:
    waiting = {"info": 1, "timeout": 2.5}
    assert step({"wait_for_input": waiting}).resume(PlainContext(), TimedOut()) == Fail(
        "nobody answered within 2.5 seconds", "TimeoutError"
    )
    assert step({"wait_for_input": {**waiting, "on_timeout": {"late": "_"}}}).resume(
        PlainContext(3), TimedOut()
    ) == Done({"late": 3}, metadata={"timed_out": True})


def test_foreach_turn_by_turn() -> None:
    loop = step({"foreach": {"in": "_", "do": LOG}})
    first = loop.start(PlainContext(["a", "b"]))
    assert first == Enter("do", "a", display="foreach[0]", memory={"turn": 0, "count": 2}, items=["a", "b"])
    second = loop.resume(PlainContext(memory=first.memory, items=["a", "b"]), BodyFinished(1))
    assert second == Enter("do", "b", display="foreach[1]", memory={"turn": 1, "count": 2})
    assert loop.resume(PlainContext(memory=second.memory, turns=[1, 2]), BodyFinished(2)) == Done([1, 2])


def test_foreach_over_an_object_goes_over_its_keys() -> None:
    outcome = _start({"foreach": {"in": "_", "do": LOG}}, {"a": 1, "b": 2})
    assert isinstance(outcome, Enter)
    assert outcome.items == ["a", "b"]


@pytest.mark.parametrize(
    ("parallelism", "displays"),
    [
        (1, ["mapreduce[0]", "mapreduce[1]", "mapreduce[2]"]),
        (2, ["mapreduce[0][0]", "mapreduce[0][1]", "mapreduce[1][0]"]),
        (100, ["mapreduce[0][0]", "mapreduce[0][1]", "mapreduce[0][2]"]),
    ],
)
def test_map_forks(parallelism: int, displays: list[str]) -> None:
    outcome = _start({"over": "_", "map": LOG, "parallelism": parallelism}, [7, 8, 9])
    assert isinstance(outcome, Fork)
    assert outcome.parallelism == parallelism
    assert outcome.children == [Child("map", item, display) for item, display in zip([7, 8, 9], displays, strict=True)]


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, [1, 2, 3]),
        ({"initial": [0]}, [0, 1, 2, 3]),
        ({"reduce": "results + [_ * 2]"}, [2, 4, 6]),
        ({"reduce": "results + _", "initial": 10}, 16),
        ({"reduce": "sum(results)", "initial": 10}, 6),
        ({"reduce": "$ '-'.join([str(x) for x in results])"}, "1-2-3"),
        ({"reduce": "results if results else _", "initial": 0}, 1),
    ],
)
def test_reduce(fields: Any, output: Any) -> None:
    reduced = step({"over": "_", "map": LOG, **fields}).resume(PlainContext("in"), ChildrenJoined([1, 2, 3]))
    assert reduced == Done(output)


def test_reduce_reads_names_of_the_run() -> None:
    reduce = "results + [_ + state.offset]"
    joined = step({"over": "_", "map": LOG, "reduce": reduce}).resume(
        PlainContext(stored={"offset": 10}), ChildrenJoined([1])
    )
    assert joined == Done([11])


def test_parallel_outputs_in_order() -> None:
    assert step({"parallel": [LOG, LOG]}).resume(PlainContext(), ChildrenJoined([1, 2])) == Done([1, 2])


def test_while_feeds_the_output_back() -> None:
    loop = step({"while": "_ < 3", "do": LOG})
    assert loop.resume(PlainContext(0, memory=0), BodyFinished(2)) == Enter("do", 2, display="while[1]", memory=1)
    assert loop.resume(PlainContext(0, memory=1), BodyFinished(3)) == Done(3)


def test_while_is_bounded() -> None:
    ended = step({"while": "True", "do": LOG}).resume(PlainContext(memory=MAX_TURNS - 1), BodyFinished(1))
    assert isinstance(ended, Fail)
    assert "100,000" in ended.message


def test_tool_is_called_with_the_options_of_the_step() -> None:
    outcome = _start({"tool": "find", "arguments": {"q": "_.q"}, "retry": {"max_attempts": 2}, "timeout": 3}, {"q": 1})
    assert outcome == Call(
        Effect(
            "tool",
            {"tool": TOOLS["find"], "arguments": {"q": 1}},
            options={"retry": {"max_attempts": 2}, "timeout": 3},
        )
    )
    assert step({"tool": "web_search"}).resume(PlainContext(), EffectSucceeded({"a": 1})) == Done({"a": 1})


def test_tool_without_arguments_gets_the_input() -> None:
    outcome = _start({"tool": "find"}, {"q": 1})
    assert isinstance(outcome, Call)
    assert outcome.effect.request["arguments"] == {"q": 1}


def test_arguments_must_be_an_object() -> None:
    assert _start({"tool": "find"}, [1]) == Fail("the arguments of 'find' must be an object", "TypeError")


@pytest.mark.parametrize(("name", "kind"), [("ask", "function"), ("screen", "computer_20241022")])
def test_tool_of_the_client_suspends(name: str, kind: str) -> None:
    outcome = _start({"tool": name, "arguments": {"q": "_"}}, 1)
    assert isinstance(outcome, Wait)
    call_id = outcome.info.pop("id")
    assert outcome.info == {"type": kind, kind: {"name": name, "arguments": {"q": 1}}}
    assert len(call_id) == 29
    assert call_id.startswith("call_")
    assert step({"tool": "web_search"}).resume(PlainContext(), InputReceived("done")) == Done("done")


TRY = {"try": LOG, "catch": {"log": "{error.message}"}}
FINALLY = {"try": LOG, "finally": LOG}
BOTH = {**TRY, **FINALLY}
FAILED = BodyFailed("oops", "ValueError", {"workflow": "main", "step": 0})


def test_try_runs_its_body_guarded() -> None:
    assert step(TRY).start(PlainContext(1)) == Enter("try", 1, display="try", memory={"phase": "try"}, guarded=True)


def test_catch_gets_the_failure_and_the_input() -> None:
    error = {"message": "oops", "type": "ValueError", "step": {"workflow": "main", "step": 0}}
    for raw, guarded in ((TRY, False), (BOTH, True)):
        entered = step(raw).resume(PlainContext(1, memory={"phase": "try"}), FAILED)
        expected = Enter(
            "catch", 1, display="catch", memory={"phase": "catch"}, names={"error": error}, guarded=guarded
        )
        assert entered == expected


@pytest.mark.parametrize(
    ("raw", "phase", "event", "outcome"),
    [
        (TRY, "try", BodyFinished(5), Done(5)),
        (TRY, "catch", BodyFinished(6), Done(6)),
        (TRY, "try", BodyReturned(7), Return(7)),
        (FINALLY, "try", BodyFinished(5), Done(5)),
        (FINALLY, "try", FAILED, Fail("oops", "ValueError")),
        (FINALLY, "try", BodyReturned(7), Return(7)),
        (BOTH, "catch", FAILED, Fail("oops", "ValueError")),
        (BOTH, "catch", BodyReturned(7), Return(7)),
        (BOTH, "catch", BodyFinished(6), Done(6)),
    ],
)
def test_end_of_try_runs_finally_first(raw: Any, phase: str, event: Any, outcome: Outcome) -> None:
    after = step(raw).resume(PlainContext(1, memory={"phase": phase}), event)
    if "finally" in raw:
        assert isinstance(after, Enter)
        assert (after.block, after.input, after.guarded) == ("finally", 1, False)
        after = step(raw).resume(PlainContext(1, memory=after.memory), BodyFinished("dropped"))
    assert after == outcome
