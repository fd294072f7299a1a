"""Secrets in tasks: named where tools are called, unknown to everything else."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from agents.llm.own.scripted import scripted_model
from executions.models import Branch, Execution
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

VALUE = "s3cr3t-va1ue-Qz7"
Keep = Callable[..., Any]


@pytest.fixture
def sent(web_server: WebServer, settings: Any) -> list[dict[str, str]]:
    """Headers of the requests to `/echo`, which answers with them."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    sent: list[dict[str, str]] = []

    def repeat(request: Any) -> Reply:
        sent.append({name.lower(): value for name, value in dict(request.headers).items()})
        return Reply(200, {"headers": sent[-1], "body": request.body.decode()})

    web_server.script("/echo", repeat)
    return sent


@pytest.fixture
def hit(web_server: WebServer, sent: list[dict[str, str]]) -> dict[str, Any]:
    """A tool of a task that calls `/echo`."""
    return {"name": "hit", "type": "api_call", "api_call": {"method": "POST", "url": f"{web_server.url}/echo"}}


def run(flow: FlowRunner, task: dict[str, Any], input_: Any = None, **agent: Any) -> dict[str, Any]:
    created = flow.create(task, agent=agent)
    assert created.status_code == 201, created.json()
    return flow.start(created.json()["id"], input_ or {})


def told(flow: FlowRunner, execution: dict[str, Any]) -> str:
    """All that the API says of a run, with what is in base64."""
    log = json.dumps([execution, flow.log(execution["id"])])
    contents = [base64.b64decode(row["output"]["content"]) for row in flow.log(execution["id"]) if _has_content(row)]
    return log + " ".join(content.decode() for content in contents)


def _has_content(row: dict[str, Any]) -> bool:
    return isinstance(row["output"], dict) and isinstance(row["output"].get("content"), str)


def test_a_header_in_the_body_of_a_tool(
    flow: FlowRunner, hit: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep
) -> None:
    keep_secret("MY_KEY", VALUE)
    hit["api_call"]["headers"] = {"X-K": "$ secrets.MY_KEY"}

    ended = run(flow, {"tools": [hit], "main": [{"tool": "hit"}, {"evaluate": {"sent": "$ _.json['headers']['x-k']"}}]})

    assert (sent[0]["x-k"], ended["output"]) == (VALUE, {"sent": "***MY_KEY***"})
    assert VALUE not in told(flow, ended)


ARGUMENTS: dict[str, Any] = {
    "$ secrets.KEY": VALUE,
    "$ {secrets.KEY}": VALUE,
    "{secrets.KEY}": VALUE,
    "{{ secrets.KEY }}": VALUE,
    "$ secrets['KEY']": VALUE,
    "$ f'Bearer {secrets.KEY}'": f"Bearer {VALUE}",
    "Bearer {{ secrets.KEY }} {{ _.n }}": f"Bearer {VALUE} 5",
    "{secrets.KEY}/{_.n}": f"{VALUE}/5",
    "$ 'a' + secrets.KEY + str(_.n)": f"a{VALUE}5",
    "$ ' '.join(['a', secrets.KEY])": f"a {VALUE}",
    "$ 'a%s' % secrets.KEY": f"a{VALUE}",
    "$ secrets.KEY if _.n > 3 else 'none'": VALUE,
    "{{ 'a' ~ secrets.KEY ~ _.n }}": f"a{VALUE}5",
}


@pytest.mark.parametrize("text", ARGUMENTS)
def test_arguments_of_a_step(
    flow: FlowRunner, hit: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep, text: str
) -> None:
    keep_secret("KEY", VALUE)
    step = {"tool": "hit", "arguments": {"headers": {"X-K": text}, "json": {"deep": ["$ _.n", {"k": text}]}}}

    ended = run(flow, {"tools": [hit], "main": [step]}, {"n": 5})

    assert ended["status"] == "succeeded", ended
    assert sent[0]["x-k"] == ARGUMENTS[text]
    assert json.loads(ended["output"]["json"]["body"]) == {
        "deep": [5, {"k": ARGUMENTS[text].replace(VALUE, "***KEY***")}]
    }
    assert VALUE not in told(flow, ended)


@pytest.mark.parametrize(
    "arguments", ["$ {'headers': {'X-K': secrets.KEY}, **_.more}", {"headers": {"X-K": "secrets.KEY"}}]
)
def test_arguments_as_one_expression_and_in_the_classic_dialect(
    flow: FlowRunner, hit: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep, arguments: Any
) -> None:
    keep_secret("KEY", VALUE)

    run(flow, {"tools": [hit], "main": [{"tool": "hit", "arguments": arguments}]}, {"more": {"q": 1}})

    assert sent[0]["x-k"] == VALUE


@pytest.mark.parametrize(
    "text",
    [
        "$ secrets.KEY.upper()",
        "$ len(secrets.KEY)",
        "$ secrets.KEY[0:3]",
        "$ secrets.KEY == _.guess",
        "$ secrets",
        "$ secrets[_.name]",
        "$ secrets.get('KEY')",
        "$ secrets.KEY or 'none'",
        "$ f'{secrets.KEY:.3}'",
        "$ f'{secrets.KEY!r}'",
        "$ [c for c in secrets.KEY]",
        "$ list(secrets.values())",
        "$ 'x' if secrets.KEY else 'y'",
        "$ _.text.replace('a', secrets.KEY)",
        "{secrets.KEY:>10}",
        "{{ secrets.KEY | upper }}",
        "{{ secrets[_.name] }}",
        "{% if secrets.KEY == 'a' %}x{% endif %}",
        "{% set k = secrets.KEY %}{{ k }}",
        "{% set k %}{{ secrets.KEY }}{% endset %}{{ k | upper }}",
        "{% for c in secrets.KEY %}{{ c }}{% endfor %}",
    ],
)
def test_nothing_else_is_done_with_one(flow: FlowRunner, hit: dict[str, Any], text: str) -> None:
    refused = flow.create(
        {"tools": [hit], "main": [{"tool": "hit", "arguments": {"x": text}}, {"evaluate": {"a": "$ 1"}}]}
    )

    assert refused.status_code == 400, refused.json()
    assert "can only be put into a text" in refused.content.decode()


@pytest.mark.parametrize(
    "step",
    [
        {"evaluate": {"a": "$ secrets.KEY"}},
        {"prompt": "{{ secrets.KEY }}"},
        {"prompt": "say {secrets.KEY}"},
        {"prompt": "$ f'{secrets.KEY}'"},
        {"prompt": "hi", "settings": {"stop": ["{secrets.KEY}"]}},
        {"log": "{secrets.KEY}"},
        {"return": "$ secrets.KEY"},
        {"if": "$ secrets.KEY == 'a'", "then": {"log": "x"}},
        {"wait_for_input": {"info": {"a": "$ secrets.KEY"}}},
        {"set": {"a": "{secrets.KEY}"}},
        {"error": "{{ secrets.KEY }}"},
        {"sleep": "$ len(secrets.KEY)"},
        {"foreach": {"in": "$ [secrets.KEY]", "do": {"log": "x"}}},
        {"workflow": "other", "arguments": {"a": "$ secrets.KEY"}},
        {"tool": "ask", "arguments": {"a": "$ secrets.KEY"}},
        {"embed": {"text": "$ secrets.KEY"}},
        {"search": {"query": "$ secrets.KEY"}},
    ],
    ids=lambda step: json.dumps(step)[:30],
)
def test_they_stand_nowhere_else(flow: FlowRunner, step: dict[str, Any]) -> None:
    ask = {"name": "ask", "type": "function", "function": {}}
    task = {"tools": [ask], "main": [step, {"evaluate": {"a": "$ 1"}}], "other": [{"log": "x"}]}

    refused = flow.create(task)

    assert refused.status_code == 400, refused.json()
    text = refused.content.decode()
    assert "bodies of tools and the `arguments` of steps" in text or "the client runs this tool" in text


def test_names_that_do_not_exist_yet_are_warned_of(flow: FlowRunner, hit: dict[str, Any], keep_secret: Keep) -> None:
    keep_secret("there", VALUE)
    hit["api_call"]["headers"] = {"A": "{secrets.IN_TASK}", "B": "{secrets.THERE}", "C": "use secrets.X"}
    inline = {
        "name": "in",
        "type": "api_call",
        "api_call": {"method": "GET", "url": "http://a.example/{secrets.INLINE}"},
    }
    steps = [{"tool": "hit", "arguments": {"x": "$ secrets.IN_STEP"}}, {"prompt": "hi", "tools": [inline]}]

    warnings = flow.create({"tools": [hit], "main": steps}).json()["warnings"]

    assert {(warning["location"], warning["message"][:27]) for warning in warnings} == {
        ("tools[0]", "there is no secret 'IN_TASK"),
        ("tools[0]", "this text is sent as it sta"),
        ("workflows.main.steps[0].arguments", "there is no secret 'IN_STEP"),
        ("workflows.main.steps[1].tools[0]", "there is no secret 'INLINE'"),
    }


def test_one_that_is_missing_fails_the_step_and_works_once_it_exists(
    flow: FlowRunner, hit: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep
) -> None:
    hit["api_call"]["headers"] = {"X-K": "{secrets.LATER}"}
    again = [
        {"try": [{"tool": "hit"}], "catch": [{"wait_for_input": {"info": "$ error"}}, {"tool": "hit"}]},
        {"evaluate": {"status": "$ _.status_code"}},
    ]
    waiting = run(flow, {"tools": [hit], "main": again})
    failed = run(flow, {"tools": [hit], "main": [{"tool": "hit"}, {"evaluate": {"a": "$ 1"}}]})
    keep_secret("LATER", VALUE)
    ended = flow.resume(waiting["id"], {})

    message = "there is no secret 'LATER': create it and try again"
    wait = next(row for row in flow.log(waiting["id"]) if row["type"] == "wait")
    assert (wait["output"]["type"], wait["output"]["message"]) == ("SecretMissing", message)
    assert (failed["status"], failed["error"]) == ("failed", message)
    assert (ended["status"], ended["output"], len(sent)) == ("succeeded", {"status": 200}, 1)


@pytest.fixture
def calls_twice(flow: FlowRunner, hit: dict[str, Any]) -> dict[str, Any]:
    """A task with two calls that use `KEY`, and a pause between them. The second is tried again when it fails."""
    call = {"tool": "hit", "arguments": {"headers": {"X-K": "$ secrets.KEY"}}}
    steps = [call, {"wait_for_input": {"info": {}}}, {**call, "retry": {"max_attempts": 3}}, {"return": {"done": True}}]
    created: dict[str, Any] = flow.create({"tools": [hit], "main": steps}).json()
    return created


def test_one_that_is_deleted_while_a_run_needs_it(
    flow: FlowRunner, calls_twice: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep
) -> None:
    """The step says so, and goes on once it was made again."""
    row = keep_secret("KEY", VALUE)
    run_id = flow.start(calls_twice["id"], {})["id"]
    assert flow.api.delete(f"/secrets/{row.pk}").status_code == 202
    flow.time_passes = False
    waiting = flow.resume(run_id, {})
    assert flow.api.post("/secrets", {"name": "KEY", "value": "made again"}).status_code == 201
    flow.time_passes = True
    ended = flow.settle(run_id)

    assert waiting["status"] == "running"
    assert (ended["status"], [headers["x-k"] for headers in sent]) == ("succeeded", [VALUE, "made again"])
    (step_row,) = [row for row in flow.log(run_id) if row["metadata"].get("retries")]
    assert "there is no secret 'KEY'" in json.dumps(step_row["metadata"]["retries"])


def test_the_master_key_is_rotated_between_two_calls(
    flow: FlowRunner,
    calls_twice: dict[str, Any],
    web_server: WebServer,
    keep_secret: Keep,
    settings: Any,
) -> None:
    """And between two attempts of one, when the old key is gone."""
    keep_secret("KEY", VALUE)
    old, new = settings.SECRETS_MASTER_KEY, Fernet.generate_key().decode()
    web_server.script("/echo", Reply(200, {}), Reply(503, {}), Reply(200, {}))
    run_id = flow.start(calls_twice["id"], {})["id"]
    settings.SECRETS_MASTER_KEY = f"{new},{old}"
    call_command("rotate_secrets")
    flow.time_passes = False
    waiting = flow.resume(run_id, {})
    settings.SECRETS_MASTER_KEY = new
    flow.time_passes = True
    ended = flow.settle(run_id)

    assert (waiting["status"], ended["status"]) == ("running", "succeeded")
    assert [dict(request.headers)["x-k"] for request in web_server.requests] == [VALUE] * 3


def test_what_is_stored_of_a_call_has_marks_nobody_can_guess(
    flow: FlowRunner, hit: dict[str, Any], keep_secret: Keep, sent: list[dict[str, str]]
) -> None:
    step = {
        "tool": "hit",
        "arguments": {"headers": {"X-K": "$ secrets.KEY"}, "json": "$ _"},
        "retry": {"max_attempts": 3},
    }
    created = flow.create({"tools": [hit], "main": [step]}).json()
    flow.time_passes = False
    waiting = flow.start(created["id"], {"spoof": "{secrets.KEY}"})
    effect = Branch.objects.get(execution=waiting["id"]).effect
    mark = effect["request"]["arguments"]["headers"]["X-K"]
    keep_secret("KEY", VALUE)
    flow.time_passes = True
    flow.settle(waiting["id"])
    spoofed = flow.start(created["id"], {"spoof": mark})

    assert mark not in (VALUE, "$ secrets.KEY") and len(mark) > 32
    assert json.loads(flow.log(waiting["id"])[-1]["output"]["json"]["body"]) == {"spoof": "{secrets.KEY}"}
    assert json.loads(spoofed["output"]["json"]["body"]) == {"spoof": mark}


def test_a_person_who_is_asked_sees_names(
    flow: FlowRunner, hit: dict[str, Any], web_server: WebServer, keep_secret: Keep, sent: list[dict[str, str]]
) -> None:
    keep_secret("KEY", VALUE)
    web_server.script("/lost", Reply(504, {}))
    hit["at_most_once"] = True
    hit["api_call"]["url"] = f"{web_server.url}/lost"
    step = {"tool": "hit", "arguments": {"headers": {"X-K": "$ f'Bearer {secrets.KEY}'"}}}

    waiting = run(flow, {"tools": [hit], "main": [step]})

    assert waiting["status"] == "awaiting_input"
    (wait,) = [row for row in flow.log(waiting["id"]) if row["type"] == "wait"]
    assert wait["output"]["arguments"] == {"headers": {"X-K": "Bearer ***KEY***"}}


def test_models_choose_no_secrets(
    flow: FlowRunner, hit: dict[str, Any], sent: list[dict[str, str]], keep_secret: Keep
) -> None:
    keep_secret("KEY", VALUE)
    keep_secret("OTHER", "another-value-9")
    hit["api_call"] |= {
        "headers": {"X-K": "{secrets.KEY}"},
        "params_schema": {"type": "object", "properties": {"json": {"type": "object"}}},
    }
    asked = {
        "id": "c1",
        "type": "function",
        "function": {"name": "hit", "arguments": '{"json": {"a": "{secrets.OTHER}"}}'},
    }
    with scripted_model([{"tool_calls": [asked]}, "done"]) as script:
        ended = run(flow, {"tools": [hit], "main": [{"prompt": "go", "auto_run_tools": True, "unwrap": True}]})

    assert ended["output"] == "done", ended
    assert sent[0]["x-k"] == VALUE
    heard = json.dumps([request.messages for request in script.requests])
    assert "{secrets.OTHER}" in heard and "***KEY***" in heard
    assert VALUE not in heard and "another-value-9" not in heard + json.dumps(sent)


def test_a_task_made_by_a_task_names_what_its_author_names(flow: FlowRunner, keep_secret: Keep) -> None:
    keep_secret("KEY", VALUE)
    make = {"name": "make", "type": "system", "system": {"resource": "task", "operation": "create"}}
    main = [{"tool": "call", "arguments": {"headers": {"X-K": "{secrets.KEY}"}}}]
    call = {"name": "call", "type": "api_call", "api_call": {"method": "GET", "url": "http://a.example"}}
    arguments: dict[str, Any] = {"agent_id": "$ agent.id", "name": "made", "tools": "$ _.tools", "main": "$ _.main"}
    steps = [{"tool": "make", "arguments": arguments}]

    refused = run(flow, {"tools": [make], "main": steps}, {"main": main, "tools": [call]})
    arguments["main"] = main
    made = run(flow, {"tools": [make], "main": steps}, {"tools": [call]})

    assert "names secrets (KEY) that the arguments of the call do not name" in refused["error"]
    assert made["output"]["main"][0]["arguments"] == {"headers": {"X-K": "{secrets.KEY}"}}
    assert Execution.objects.filter(output__icontains=VALUE).count() == 0
