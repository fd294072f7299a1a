"""Tools of chats with secrets: used by the server, shown to nobody."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import scripted_model
from tests.chat.conftest import Talk
from tests.loopback.web_server import WebServer
from tests.trust.repeating import HEADER_SAFE, found_in, kept, leaks, repeat

CALL = {"id": "c1", "type": "function", "function": {"name": "hook", "arguments": '{"q": "{secrets.KEY_01}"}'}}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("of", ["agent", "request"])
def test_tools_of_a_chat(
    talk: Talk,
    keep_secret: Callable[..., Any],
    web_server: WebServer,
    settings: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
    of: str,
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.MEDIA_ROOT = str(tmp_path)
    agent = talk.api.post("/agents", {"name": "Ada"}).json()
    keep_secret("KEY_00", "of the developer")
    keep_secret("KEY_00", HEADER_SAFE["KEY_00"], agent_id=UUID(agent["id"]))
    keep_secret("KEY_01", HEADER_SAFE["KEY_01"])
    tool = {
        "name": "hook",
        "type": "api_call",
        "api_call": {
            "method": "GET",
            "url": web_server.script("/echo", repeat()),
            "headers": {"X-Key": "$ f'Bearer {secrets.KEY_00}'"},
            "params_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
        },
    }
    if of == "agent":
        talk.api.post(f"/agents/{agent['id']}/tools", tool)
    session = talk.session(agent["id"])
    more = {"auto_run_tools": True, **({"tools": [tool]} if of == "request" else {})}

    with scripted_model([{"content": None, "tool_calls": [CALL]}, "done"]) as model:
        answer = talk.listen(session, "Hi", **more) if stream else talk.ask(session, "Hi", **more)
    heard = json.dumps([request.messages for request in model.requests])
    history = json.dumps(talk.api.get(f"/sessions/{session}/history").json())

    (request,) = web_server.requests
    assert dict(request.headers)["x-key"] == f"Bearer {HEADER_SAFE['KEY_00']}"
    assert request.query == {"q": "{secrets.KEY_01}"}
    assert "***KEY_00***" in heard and not found_in(heard)
    told = [("answer", json.dumps(answer)), ("history", history), ("log", caplog.text)]
    assert leaks([*told, *kept(tmp_path)]) == {}


@pytest.mark.parametrize("text", ["{{ secrets.KEY }}", "{{ secrets['KEY'] }}"])
def test_templates_know_none(talk: Talk, keep_secret: Callable[..., Any], text: str) -> None:
    agent = talk.api.post("/agents", {"name": "Ada"}).json()
    keep_secret("KEY", "a-value-31415")

    refused = talk.chat(talk.session(agent["id"], system_template=text), "Hi")

    assert refused.status_code == 400
    assert "secrets" in refused.content.decode() and "a-value" not in refused.content.decode()
