"""The scripted model."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.llm import gateway
from agents.llm.own.scripted import ScriptExhausted, scripted_model
from agents.models import Developer, ModelUsage
from julep_project.core.errors import ModelUnavailable

HELLO = [{"role": "user", "content": "hello"}]


def test_replies_come_in_order_whatever_the_model(developer: Developer) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    whole = {"id": "x", "choices": [{"index": 0, "message": {"content": "whole"}}, {"index": 1, "message": {}}]}
    script = ["one", {"tool_calls": calls}, lambda request: request.model, whole]

    with scripted_model(script) as model:
        answers = [gateway.complete(developer, model=f"m{n}", messages=HELLO) for n in range(4)]

    assert [answer["choices"][0]["content"] for answer in answers] == ["one", None, "m2", "whole"]
    assert answers[1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [request.model for request in model.requests] == ["m0", "m1", "m2", "m3"]
    assert model.unused == 0
    assert ModelUsage.objects.filter(cost=None).count() == 4


def test_exceptions_are_raised_and_a_used_up_script_says_so(developer: Developer) -> None:
    with scripted_model([ModelUnavailable("busy")]):
        with pytest.raises(ModelUnavailable, match="busy"):
            gateway.complete(developer, model="m", messages=HELLO)
        with pytest.raises(ScriptExhausted, match="request 2"):
            gateway.complete(developer, model="m", messages=HELLO)


def test_it_ends_with_its_block(developer: Developer) -> None:
    with scripted_model(["scripted"]):
        pass

    assert gateway.complete(developer, model="offline/echo", messages=HELLO)["model"] == "offline/echo"


def test_each_reply_is_given_once_to_many_threads() -> None:
    from agents.llm.request import ModelRequest

    with scripted_model([str(n) for n in range(200)]) as model, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: model.answer(ModelRequest("m", HELLO)), range(200)))

    said = {answer["choices"][0]["message"]["content"] for answer in answers}
    assert said == {str(n) for n in range(200)}
