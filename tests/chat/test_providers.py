"""Chats over the client library's real HTTP, with a provider on loopback that fails, or that thinks."""

from typing import Any

import pytest

from agents.llm import gateway
from agents.models import ModelUsage
from sessions.models import Entry, Turn
from tests.chat.conftest import Talk
from tests.loopback.claude import claude_answers, claude_streams
from tests.loopback.model_server import ModelServer, Streamed, failure, tool_call
from tests.loopback.web_server import WebServer

gateway.warm()  # before a test counts on what a model costs in time

MODEL = "gpt-4o-mini"
CLAUDE = "anthropic/claude-haiku-4-5"
THOUGHT = {"type": "thinking", "thinking": "Look first.", "signature": "sig-1"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (failure(429, "slow down", **{"Retry-After": "60"}), 429, "llm_api_error"),
        (failure(500, "broken"), 502, "llm_api_error"),
        (failure(401, "who are you?"), 400, "llm_bad_request"),
        (failure(400, "not that", code="content_policy_violation"), 400, "llm_bad_request"),
        (failure(400, "too long: maximum context length", code="context_length_exceeded"), 400, "prompt_too_big"),
        (lambda _: Streamed.endless(), 502, "llm_api_error"),
    ],
)
def test_what_a_provider_refuses_leaves_nothing(
    talk: Talk, model_server: ModelServer, settings: Any, reply: Any, status: int, code: str, stream: bool
) -> None:
    settings.MODEL_TIMEOUT_S = 0.3
    session = talk.session(talk.agent(model=MODEL))
    model_server.script(reply)
    response = talk.chat(session, "Hi", stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert talk.said(session) == []
    assert Turn.objects.get().status == "cancelled"
    assert not ModelUsage.objects.exists()


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_says_to_refuse_is_told_as_a_refusal(talk: Talk, model_server: ModelServer, stream: bool) -> None:
    session = talk.session(talk.agent(model=MODEL))
    if stream:
        model_server.script(Streamed({"refusal": "I "}, {"refusal": "cannot"}))
        deltas = [event["choices"][0]["delta"] for event in talk.listen(session, "Hi")]
        assert "".join(delta.get("refusal") or "" for delta in deltas) == "I cannot"
        assert {delta["content"] for delta in deltas} == {None}
    else:
        model_server.script({"refusal": "I cannot"})
        message = talk.ask(session, "Hi")["choices"][0]["message"]
        assert (message["content"], message["refusal"]) == (None, "I cannot")
    assert talk.said(session)[1] == ("assistant", [{"type": "refusal", "refusal": "I cannot"}])


def _looking(talk: Talk, model: str, **fields: Any) -> str:
    """A session whose agent has a tool that the server runs."""
    agent = talk.agent(model=model, **fields)
    talk.tool(agent, name="look", type="integration", integration={"provider": "dummy"})
    return talk.session(agent, auto_run_tools=True)


def _assert_nothing_of_it_is_kept(session: str) -> None:
    stored = list(Entry.objects.filter(session_id=session).values())
    assert len(stored) == 4
    assert "sig-1" not in str(stored)


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_thought_is_shown_to_it_beside_the_results(
    talk: Talk, model_server: ModelServer, stream: bool
) -> None:
    session = _looking(talk, MODEL)
    made = tool_call("look", {})
    if stream:
        pieces = [{"type": "thinking", "thinking": "Look "}, {"type": "thinking", "thinking": "first."}]
        signed = {"type": "thinking", "thinking": "", "signature": "sig-1"}
        delta = {"tool_calls": [{"index": 0, **made["tool_calls"][0]}]}
        model_server.script(
            Streamed(
                *({"reasoning_content": piece["thinking"], "thinking_blocks": [piece]} for piece in (*pieces, signed)),
                delta,
                reason="tool_calls",
            ),
            "done",
        )
        talk.listen(session, "Hi")
    else:
        model_server.script({**made, "thinking_blocks": [THOUGHT]}, "done")
        talk.ask(session, "Hi")
    assistant = model_server.chats[1]["messages"][-2]
    assert assistant["thinking_blocks"] == [THOUGHT]
    assert assistant["tool_calls"] == made["tool_calls"]
    _assert_nothing_of_it_is_kept(session)


@pytest.mark.parametrize("stream", [False, True])
def test_claude_thinks_and_looks(
    talk: Talk, web_server: WebServer, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_BASE", web_server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-loopback-key")
    session = _looking(talk, CLAUDE)
    looking = [THOUGHT, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]
    done = [{"type": "text", "text": "done"}]
    answer = claude_streams if stream else claude_answers
    web_server.script("/v1/messages", answer(looking, "tool_use"), answer(done, "end_turn"))
    if stream:
        talk.listen(session, "Hi", reasoning_effort="low")
    else:
        talk.ask(session, "Hi", reasoning_effort="low")
    first, second = (request.json() for request in web_server.requests)
    assert first["thinking"]["type"] == second["thinking"]["type"] == "enabled"
    assert second["messages"][-2] == {"role": "assistant", "content": looking}
    assert second["messages"][-1]["content"][0]["type"] == "tool_result"
    _assert_nothing_of_it_is_kept(session)


def test_claude_goes_on_without_thinking_when_the_client_answers(
    talk: Talk, web_server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it thought is not stored, and it refuses to think on without."""
    monkeypatch.setenv("ANTHROPIC_API_BASE", web_server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-loopback-key")
    agent = talk.agent(model=CLAUDE, default_settings={"reasoning_effort": "low"})
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    session = talk.session(agent)
    asking = [THOUGHT, {"type": "tool_use", "id": "toolu_1", "name": "ask", "input": {}}]
    done = claude_answers([{"type": "text", "text": "done"}], "end_turn")
    web_server.script("/v1/messages", claude_answers(asking, "tool_use"), done)
    talk.ask(session, "Hi")
    talk.ask(session, messages=[{"role": "tool", "tool_call_id": "toolu_1", "content": "green"}])
    talk.ask(session, "Thanks")
    assert ["thinking" in request.json() for request in web_server.requests] == [True, False, True]
