"""What a model was told: kept with the record of its call, shown on the page of a reply, and made anew."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from agents.calls.models import Call
from agents.calls.recorder import RECORDER
from agents.llm.own.scripted import scripted_model
from julep_project.devservices.loopback import Reply
from sessions.models import Entry
from tests.console.conftest import HOSTILE
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

CALL = {"id": "c1", "type": "function", "function": {"name": "world", "arguments": "{}"}}


def shortened_chat(flow: FlowRunner, web_server: WebServer) -> str:
    """Two turns, of which the second calls a tool and has no room for the first."""
    RECORDER.has_thread = True
    agent = flow.api.post("/agents", {"name": "Ada", "instructions": "Be brief.", "model": "offline/echo"}).json()["id"]
    tool = api_tool(web_server.script("/w", Reply(200, {"level": 3})))
    tool["api_call"]["headers"] = {"X-Key": "s3cret-of-the-tool"}
    assert flow.api.post(f"/agents/{agent}/tools", tool).status_code == 201
    body = {"agent": agent, "auto_run_tools": True, "context_overflow": "truncate", "token_budget": 400}
    session = flow.api.post("/sessions", body).json()["id"]
    says = {"messages": [{"role": "user", "content": "How high is the tide? " * 20}], "recall": False}
    with scripted_model(["First " * 60, {"content": None, "tool_calls": [CALL]}, "Three."]):
        for _ in range(2):
            assert flow.api.post(f"/sessions/{session}/chat", says).status_code == 201
    RECORDER.wait()
    return str(session)


@pytest.mark.django_db(transaction=True)
def test_context_of_a_reply(
    operator: Client, viewer: Client, flow: FlowRunner, web_server: WebServer, settings: Any
) -> None:
    """A chat that shortens its history and calls a tool; each of its replies leads to the call that gave it."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    session = shortened_chat(flow, web_server)
    replies = list(Entry.objects.filter(session_id=session, role="assistant").order_by("seq"))
    assert len(replies) == 3
    told = [
        json.loads(call.context)
        for call in Call.objects.filter(session_id=session, kind="model").order_by("started_at")
    ]
    assert [one["place"] for one in told] == [[0, 0], [0, 0], [0, 1]]
    first, second, third = (one["sections"] for one in told)
    assert first.keys() == {"system", "new", "tools"} and first["new"]["messages"] == 1
    assert second["history"]["messages"] == 2 and not told[1]["left_out"]
    # With the call and its result there is no room any more for what was said first.
    assert told[2]["left_out"]["budget"] == second["history"] and "history" not in third
    assert third["rounds"]["messages"] == 2 and third["new"] == second["new"]
    assert sum(part["tokens"] for part in third.values()) <= 400 == told[2]["budget"]

    page = f"/admin/chats/{session}/replies/{replies[2].pk}/"
    text = operator.get(page).content.decode()
    assert (
        "Three." in text and "Be brief." in text and "The oldest 2 messages" in text and "calls made meanwhile" in text
    )
    assert f'href="{page}"' in operator.get(f"/admin/chats/{session}/").content.decode()
    exported = operator.get(f"{page}?format=json").json()["items"]
    assert [one["name"] for one in exported] == ["system", "new", "rounds", "tools"]
    asked = operator.get(f"{page}?part=request").json()
    assert (asked["model"], asked["messages"][-1]["role"], len(asked["tools"])) == ("offline/echo", "tool", 1)
    assert operator.get(f"{page}?part=response").json()[0]["message"]["content"] == "Three."
    curl = operator.get(f"{page}?part=curl").content.decode()
    assert curl.startswith("curl -X POST http://testserver/v1/chat/completions") and "$AGENTS_API_KEY" in curl
    seen = viewer.get(page).content.decode()
    assert "calls made meanwhile" in seen and "Three." not in seen and "Be brief." not in seen
    assert viewer.get(f"{page}?part=request").status_code == 404
    assert operator.get(f"{page}?part=x").status_code == 400

    # As it would be made now: with another message, and nobody is asked.
    calls = Call.objects.count()
    now = operator.get(f"/admin/chats/{session}/now/", {"message": f"And then? {HOSTILE}"}).content.decode()
    assert "And then?" in now and "Be brief." in now and "Docs are left out" in now and "<img" not in now
    assert "world" in now and not any("s3cret" in shown for shown in (now, text, curl))
    assert operator.get(f"/admin/chats/{session}/now/", {"message": "{{ nobody.x }}"}).status_code == 200
    assert (Call.objects.count(), Entry.objects.filter(session_id=session).count()) == (calls, 6)
    Call.objects.all().delete()
    assert "The call is not kept" in operator.get(page).content.decode()
    assert operator.get(f"/admin/chats/{session}/replies/{UUID(int=1)}/").status_code == 404
