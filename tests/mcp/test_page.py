"""The example of `docs/mcp/client.md` does what the page says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from agents.llm.own.scripted import scripted_model
from tests.flow_runner import FlowRunner
from tests.loopback.mcp_server import McpServer

PAGE = (Path(__file__).parents[2] / "docs" / "mcp" / "client.md").read_text()


def described(harbour: McpServer, keep_secret: Callable[..., Any]) -> tuple[Any, Any]:
    tool, task = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    keep_secret("HARBOUR_KEY", "buoy-and-bell")
    tool["mcp"]["server"]["url"] = harbour.http
    return tool, task


def test_the_example(flow: FlowRunner, harbour: McpServer, keep_secret: Callable[..., Any]) -> None:
    tool, task = described(harbour, keep_secret)
    created = flow.create({**task, "input_schema": {"type": "object"}}, {"model": "scripted/one", "tools": [tool]})
    assert created.status_code == 201, created.json()
    with scripted_model(["It is."]) as model:
        ended = flow.start(created.json()["id"], {"port": "Brest"})
    assert ended["output"] == "It is.", ended
    assert model.requests[0].messages[-1]["content"] == "Is it safe to leave rocks?"
    assert "harbour__tide" in {each["function"]["name"] for each in model.requests[0].tools}
    assert "buoy-and-bell" not in str(ended)


def test_the_example_of_a_question(flow: FlowRunner, harbour: McpServer, keep_secret: Callable[..., Any]) -> None:
    tool, _ = described(harbour, keep_secret)
    question, answer = (
        json.loads(text) for text in re.findall(r"<!-- (?:question|answer) -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    )
    created = flow.create({"name": "t", "main": [{"tool": question["tool"], "arguments": {}}]}, {"tools": [tool]})
    waiting = flow.start(created.json()["id"], {})
    shown = flow.log(waiting["id"])[-1]["output"]
    del shown["schema"]["properties"]["berth"]
    del question["schema"]["properties"]["berth"]
    assert {name: shown[name] for name in question} == question
    assert flow.resume(waiting["id"], answer["input"])["output"] == "a person said accept 5"
