"""Twenty secrets, every kind of step and tool, servers that repeat all they are sent: no value is kept or told."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from agents.calls.models import Call, CallText
from agents.calls.recorder import RECORDER
from agents.calls.texts import unpacked
from agents.llm.own.scripted import scripted_model
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer
from tests.trust.repeating import HEADER_SAFE, VALUES, found_in, kept, leaks, repeat, spellings, staff_pages

PARAMETERS = {"type": "object", "properties": {"json": {"type": "object"}}}


@pytest.fixture
def echo(web_server: WebServer, settings: Any, tmp_path: Path) -> WebServer:
    """`/echo` repeats all it was sent, `/refuse` too, with status 400. Values of runs go into files soon."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.MEDIA_ROOT = str(tmp_path)
    settings.INTEGRATION_ADDRESSES = {"brave": web_server.script("/refuse", repeat(400))}
    settings.BLOB_STORE_CUTOFF_KB, settings.VALUES_APART_KB = 4, 1
    web_server.script("/echo", repeat())
    return web_server


@pytest.fixture
def planted(keep_secret: Callable[..., Any]) -> None:
    """All secrets; those that go into headers have no other letters than headers may have."""
    for number, name in enumerate(VALUES):
        keep_secret(name, (HEADER_SAFE if number < 10 else VALUES)[name])


def tools(url: str) -> list[dict[str, Any]]:
    """Tools with secrets wherever there may be some."""
    everything = {
        "method": "POST",
        "url": f"{url}/echo?k={{secrets.KEY_00}}",
        "headers": {"X-Key": "$ secrets.KEY_01", "Authorization": "$ f'Bearer {secrets.KEY_02}'"},
        "cookies": {"c": "{secrets.KEY_03}"},
        "json": {"deep": [{"a": "{{ secrets.KEY_10 }}", "{secrets.KEY_11}": 1}]},
        "params_schema": PARAMETERS,
    }
    form = {
        "method": "POST",
        "url": f"{url}/echo",
        "data": {"a": "$ {secrets.KEY_12}"},
        "params": {"p": "{secrets.KEY_13}"},
    }
    text = {
        "method": "PUT",
        "url": f"{url}/echo",
        "content": "a {secrets.KEY_14} b",
        "headers": {"X-Key": "{secrets.KEY_04}"},
    }
    refused = {**text, "url": f"{url}/refuse", "headers": {"X-Key": "{secrets.KEY_05}"}}
    setup = {"provider": "brave", "method": "search", "setup": {"brave_api_key": "$ secrets.KEY_06"}}
    dummy = {"provider": "dummy", "arguments": {"a": {"b": ["{secrets.KEY_15}"]}}}
    system = {"resource": "user", "operation": "create", "arguments": {"about": "{secrets.KEY_16}"}}
    calls = {"all": everything, "form": form, "text": text, "refused": refused}
    return [
        *({"name": name, "type": "api_call", "api_call": spec} for name, spec in calls.items()),
        {"name": "search", "type": "integration", "integration": setup},
        {"name": "dummy", "type": "integration", "integration": dummy},
        {"name": "user", "type": "system", "system": system},
        {"name": "shown", "type": "function", "function": {"parameters": PARAMETERS}},
    ]


def steps() -> list[dict[str, Any]]:
    """Every kind of step, with the answers of servers passed on to it."""
    body = {"a": "$ f'{secrets.KEY_17}:{_.x}'", "b": "{secrets.KEY_18}"}
    arguments = {"json": body, "headers": {"X-Key": "$ secrets.KEY_07"}}
    told = [{"evaluate": {"e": "$ error"}}]
    again = {"tool": "text", "retry": {"max_attempts": 2, "initial_s": 1}}
    return [
        {"evaluate": {"x": "$ 1"}},
        {"tool": "all", "arguments": arguments, "label": "told"},
        {"set": {"told": "$ _", "n": "$ 0"}},
        {"get": "told"},
        {"log": "{{ outputs['told'] }}"},
        {"tool": "form", "arguments": {}},
        {"tool": "text", "arguments": {}},
        {"tool": "dummy", "arguments": {}},
        {"tool": "user", "arguments": {"name": "Ann"}},
        {
            "try": [{"tool": "refused", "arguments": {}}],
            "catch": told,
            "finally": [{"log": "x"}],
        },
        {
            "try": [{"tool": "search", "arguments": {"query": "{secrets.KEY_19}"}}],
            "catch": told,
        },
        {"if": "$ True", "then": {"tool": "dummy", "arguments": {"c": "$ secrets.KEY_08"}}},
        {"switch": [{"case": "_", "then": {"evaluate": {"a": "$ outputs['told']"}}}]},
        {"foreach": {"in": "$ [1]", "do": {"tool": "dummy", "arguments": {}}}},
        {"over": "$ [1, 2]", "map": {"tool": "text", "arguments": {}}, "parallelism": 2},
        {"parallel": [{"tool": "dummy", "arguments": {}}, {"evaluate": {"a": "$ outputs['told']"}}]},
        {"while": "$ state.n < 1", "do": [{"set": {"n": "$ state.n + 1"}}]},
        {"workflow": "other", "arguments": {"told": "$ outputs['told']"}},
        {"prompt": "go on", "tools": "all", "auto_run_tools": True, "unwrap": True},
        {"prompt": "$ str(outputs['told'])", "unwrap": True},
        {"embed": {"text": "$ str(outputs['told'])[:500]"}},
        {"wait_for_input": {"info": "$ outputs['told']"}},
        {**again, "arguments": {"url": "http://127.0.0.1:1/{secrets.KEY_09}"}},
    ]


def call(name: str, number: int) -> dict[str, Any]:
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": "{}"}}


def test_runs(
    flow: FlowRunner,
    echo: WebServer,
    planted: None,
    admin_client: Client,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    created = flow.create({"main": steps(), "other": [{"evaluate": {"a": "$ _"}}], "tools": tools(echo.url)})
    assert created.status_code == 201, created.json()
    asked = {"content": None, "tool_calls": [call(name, n) for n, name in enumerate(("all", "dummy", "user"))]}

    with caplog.at_level(logging.DEBUG), scripted_model([asked, "done", "said"]) as model:
        waiting = flow.start(created.json()["id"], {})
        assert waiting["status"] == "awaiting_input", waiting
        ended = flow.resume(waiting["id"], {})
    heard = json.dumps([request.messages for request in model.requests])
    RECORDER.flush()
    told_models = [
        (str(row.pk), unpacked(row.content, is_packed=row.is_packed).decode()) for row in CallText.objects.all()
    ]

    assert (ended["status"], len(model.requests)) == ("failed", 3)
    sent = " ".join(
        spellings(text)["plain"] for request in echo.requests for text in (request.target, request.body.decode())
    )
    assert len({name for name in VALUES if f"***{name}***" in json.dumps(flow.log(ended["id"])) + heard}) >= 15
    assert found_in(sent)  # they went out
    told = [("log", caplog.text + str([vars(record) for record in caplog.records])), ("heard", heard)]
    told += [("api", json.dumps([ended, flow.log(ended["id"]), created.json()]))]
    assert {"model", "tool", "embedding"} == set(Call.objects.values_list("kind", flat=True)) and told_models
    assert leaks([*told, *told_models, *kept(tmp_path), *staff_pages(admin_client)]) == {}


def test_what_the_search_for_them_would_find() -> None:
    value = next(iter(VALUES.values()))

    assert {how for how, text in spellings(value).items() if not found_in(f"x{text}x")} == set()
