"""Sessions in which several agents answer."""

import asyncio
from typing import Any

import pytest

from agents.llm.own.scripted import Spoken, scripted_model
from julep_project.core.errors import ModelUnavailable
from tests.chat.conftest import Talk, spoken
from tests.chat.tools.test_calls import calls
from tests.executions_api.conftest import MISSING


def _pair(talk: Talk, **fields: Any) -> tuple[str, str, str]:
    ada, bob = talk.agent(name="Ada"), talk.agent(name="Bob", model="scripted/two")
    return talk.session(ada, bob, **fields), ada, bob


def test_each_answers_in_order_and_hears_those_before(talk: Talk) -> None:
    session, _, _ = _pair(talk)
    with scripted_model(["I am first", "I heard it"]) as model:
        answer = talk.ask(session, "Hi")
    assert [(choice["index"], choice["message"]) for choice in answer["choices"]] == [
        (0, {"role": "assistant", "content": "I am first", "tool_calls": None, "name": "Ada"}),
        (1, {"role": "assistant", "content": "I heard it", "tool_calls": None, "name": "Bob"}),
    ]
    assert [request.model for request in model.requests] == ["scripted/one", "scripted/two"]
    assert [message["content"] for message in model.requests[1].messages[-2:]] == ["Hi", "I am first"]
    assert talk.said(session) == [("user", "Hi"), ("assistant", "I am first"), ("assistant", "I heard it")]


def test_usage_is_the_sum(talk: Talk) -> None:
    def reply(tokens: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": "ok"}
        usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    with scripted_model([reply(10), reply(20)]):
        answer = talk.ask(_pair(talk)[0], "Hi")
    assert answer["usage"] == {"prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32}


def test_the_one_that_is_asked_answers_alone(talk: Talk) -> None:
    session, _, bob = _pair(talk)
    with scripted_model(["It is me"]) as model:
        answer = talk.ask(session, "Hi", agent=bob)
    assert [choice["message"]["name"] for choice in answer["choices"]] == ["Bob"]
    assert model.requests[0].model == "scripted/two"


def test_one_that_does_not_take_part(talk: Talk) -> None:
    session, _, _ = _pair(talk)
    for stranger in (talk.agent(), MISSING):
        response = talk.chat(session, "Hi", agent=stranger)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "http_400")
        assert response.json()["error"]["message"] == f"Agent {stranger} does not take part in this session"
    assert talk.said(session) == []


def test_chunks_carry_the_index_of_their_choice(talk: Talk) -> None:
    session, _, _ = _pair(talk)
    with scripted_model([Spoken("I am ", "first"), Spoken("I ", "heard it")]):
        events = talk.listen(session, "Hi")
    assert (spoken(events, 0), spoken(events, 1)) == ("I am first", "I heard it")
    assert [choice["index"] for event in events for choice in event["choices"]] == [0, 0, 1, 1, 0, 1]


def test_a_failure_of_the_second_leaves_nothing(talk: Talk) -> None:
    session, _, _ = _pair(talk)
    with scripted_model(["I am first", ModelUnavailable("away")]):
        assert talk.chat(session, "Hi").status_code == 502
    assert talk.said(session) == []


@pytest.mark.parametrize("stream", [True, False])
def test_each_may_call_tools_of_the_client(talk: Talk, stream: bool) -> None:
    session, ada, bob = _pair(talk, auto_run_tools=True)
    for agent in (ada, bob):
        talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    made = [calls((f"c{number}", "ask", {"n": number})) for number in range(2)]
    with scripted_model([{"content": "I ask. ", **made[0]}, {"content": "Me too", **made[1]}]):
        if stream:
            last = talk.listen(session, "Hi")[-1]["choices"]
        else:
            last = talk.ask(session, "Hi")["choices"]
    assert [(one["index"], one["finish_reason"], one["tool_calls"]) for one in last] == [
        (0, "tool_calls", made[0]["tool_calls"]),
        (1, "tool_calls", made[1]["tool_calls"]),
    ]
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "assistant"]
    results = [{"role": "tool", "tool_call_id": f"c{number}", "content": str(number)} for number in range(2)]
    with scripted_model(["Thanks", "Fine"]):
        answer = talk.ask(session, messages=results)
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["Thanks", "Fine"]


def test_an_interruption_keeps_the_replies_there_are(talk: Talk) -> None:
    session, ada, _ = _pair(talk)

    async def meet() -> None:
        with scripted_model([Spoken("I am first"), Spoken("I", asyncio.Event().wait), "sorry"]):
            async with talk.stream(session, "Hi") as stream:
                while spoken([await stream.read()], 1) != "I":
                    pass
                await talk.send(session, "Stop", agent=ada, on_busy="interrupt")

    asyncio.run(meet())
    assert [text for _, text in talk.said(session)] == ["Hi", "I am first", "I", "Stop", "sorry"]
