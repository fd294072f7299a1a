"""A prompt that asks for a form gets it, after one more question at most."""

import json
import time
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.effects.conftest import Started
from tests.flow_runner import FlowRunner
from tests.loopback.model_server import ModelServer

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRICT = {"type": "json_schema", "json_schema": {"name": "number", "schema": SCHEMA}}


def prompt(form: Any, **fields: Any) -> dict[str, Any]:
    return {"prompt": "A number, please", "unwrap": True, "settings": {"response_format": form}, **fields}


def test_an_answer_of_the_right_form_is_kept_as_the_text_it_is(run: Started) -> None:
    with scripted_model(['{"n": 1}']) as model:
        assert run([prompt(STRICT)])["output"] == '{"n": 1}'

    assert model.requests[0].settings["response_format"] == STRICT


@pytest.mark.parametrize(
    ("form", "wrong", "complaint"),
    [
        (STRICT, "one", "it is not JSON"),
        (STRICT, '{"n": "one"}', "'one' is not of type 'integer' (at $.n)"),
        (STRICT, '{"n": NaN}', "it is not JSON"),
        (STRICT, "null", "None is not of type 'object'"),
        ({"type": "json_object"}, "[1]", "[1] is not of type 'object'"),
    ],
)
def test_a_wrong_answer_is_shown_to_the_model_with_what_is_wrong(
    run: Started, form: Any, wrong: str, complaint: str
) -> None:
    with scripted_model([wrong, '{"n": 2}']) as model:
        assert run([prompt(form)])["output"] == '{"n": 2}'

    asked, again = (request.messages for request in model.requests)
    assert again[: len(asked)] == asked
    assert again[-2] == {"role": "assistant", "content": wrong}
    assert again[-1]["role"] == "user" and complaint in again[-1]["content"]
    assert ModelUsage.objects.count() == 2


def test_a_second_wrong_answer_fails_the_step(run: Started) -> None:
    with scripted_model(["one", "two"]):
        execution = run([prompt(STRICT)])

    assert execution["status"] == "failed"
    assert (
        execution["error"]
        == "the model's answer does not have the form of response_format, asked twice: it is not JSON"
    )


def test_an_explicit_retry_starts_the_two_questions_again(run: Started) -> None:
    with scripted_model(["one", "two", '{"n": 3}']):
        assert run([prompt(STRICT, retry={"max_attempts": 2})])["output"] == '{"n": 3}'


def test_text_and_the_absence_of_a_form_ask_for_nothing(run: Started) -> None:
    with scripted_model(["plain", "plain"]):
        assert run([prompt({"type": "text"})])["output"] == "plain"
        assert run([{"prompt": "Hi", "unwrap": True}])["output"] == "plain"


def test_the_agents_own_settings_count_too(flow: FlowRunner) -> None:
    agent = {"default_settings": {"response_format": {"type": "json_object"}}}
    created = flow.create({"main": [{"prompt": "Hi", "unwrap": True}]}, agent)
    with scripted_model(["no", "{}"]):
        assert flow.start(created.json()["id"], {})["output"] == "{}"


def test_nothing_is_asked_of_an_answer_that_calls_tools(run: Started) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tools = [{"name": "f", "type": "function", "function": {}}]
    with scripted_model([{"tool_calls": [call]}]):
        execution = run([prompt(STRICT, unwrap=False, tools="all")], tools=tools)

    assert execution["output"]["choices"][0]["message"]["tool_calls"] == [call]


def test_a_schema_that_cannot_be_used_fails_the_step_without_a_second_question(run: Started) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}
    with scripted_model(["1"]):
        execution = run([prompt(form)])

    assert execution["status"] == "failed"
    assert "the schema of response_format cannot be used" in execution["error"]


@pytest.mark.parametrize(
    ("form", "loc"),
    [
        ("json", "main[0].settings.response_format"),
        ({"type": "xml"}, "main[0].settings.response_format.type"),
        ({"type": "json_schema"}, "main[0].settings.response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": 1}}, "main[0].settings.response_format.json_schema"),
    ],
)
def test_a_form_that_is_none_is_refused_when_the_task_is_made(flow: FlowRunner, form: Any, loc: str) -> None:
    answer = flow.create({"main": [prompt(form)]})

    assert answer.status_code == 422
    assert [detail["loc"] for detail in answer.json()["error"]["details"]] == [loc]


def test_over_the_providers_real_api(flow: FlowRunner, model_server: ModelServer) -> None:
    model_server.script("nonsense", '{"n": 4}')
    created = flow.create({"main": [prompt(STRICT)]}, {"model": "gpt-4o-mini"})

    execution = flow.start(created.json()["id"], {})

    assert execution["output"] == '{"n": 4}'
    first, second = model_server.chats
    assert first["response_format"] == STRICT
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert ModelUsage.objects.count() == 2


def test_the_step_has_one_time_for_both_questions(flow: FlowRunner, model_server: ModelServer) -> None:
    model_server.script("nonsense", lambda body: _late('{"n": 5}'))
    main = [prompt(STRICT, timeout=0.5, retry={"max_attempts": 1})]
    created = flow.create({"main": main}, {"model": "gpt-4o-mini"})

    execution = flow.start(created.json()["id"], {})

    assert execution["status"] == "failed"


def _late(text: str) -> Reply | str:
    time.sleep(1)
    return text


def test_the_key_of_the_schema_survives_the_round_trip(flow: FlowRunner) -> None:
    created = flow.create({"main": [prompt(STRICT)]}).json()
    stored = ApiClient().get(f"/tasks/{created['id']}").json()

    assert json.loads(json.dumps(stored["main"][0]["settings"]["response_format"])) == STRICT
