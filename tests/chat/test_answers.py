"""Chats that are answered in one piece."""

from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from sessions.models import Entry, Turn
from tests.chat.conftest import Talk, messages
from tests.executions_api.conftest import MISSING


def test_the_whole_answer(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["Hello Bea"]) as model:
        answer = talk.ask(session, "Hi")
    assert model.requests[0].messages[-1] == {"role": "user", "content": "Hi"}
    assert UUID(answer.pop("id")).version == 7
    assert answer.pop("created_at").endswith("Z")
    assert answer.pop("usage").keys() == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert answer == {
        "jobs": [],
        "docs": [],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hello Bea", "tool_calls": None},
                "tool_calls": None,
                "logprobs": None,
            }
        ],
    }


def test_a_refusal_is_told_and_stored_as_one(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([{"refusal": "I can't."}, {"refusal": "I can't."}, "Because."]) as model:
        message = talk.ask(session, "Hi")["choices"][0]["message"]
        events = talk.listen(session, "Please")
        talk.ask(session, "Why?")
    assert message == {"role": "assistant", "content": None, "tool_calls": None, "refusal": "I can't."}
    deltas = [event["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("refusal") or "" for delta in deltas) == "I can't."
    assert [delta["content"] for delta in deltas] == [None] * len(deltas)
    kept = [{"type": "refusal", "refusal": "I can't."}]
    assert [content for role, content in talk.said(session) if role == "assistant"] == [kept, kept, "Because."]
    assert [one["content"] for one in model.requests[2].messages if one["role"] == "assistant"] == [kept, kept]
    sent = talk.api.get(f"/sessions/{session}/history").json()["entries"][1]
    with scripted_model(["ok"]):
        talk.ask(talk.session(), messages=[{"role": "assistant", "content": sent["content"]}, *messages("Hi")])


def test_both_sides_are_stored(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["Hello"]):
        talk.ask(session, "Hi", "there")
    rows = Entry.objects.filter(session_id=session).order_by("seq")
    assert [(row.role, row.content, row.source) for row in rows] == [
        ("user", "Hi", "api_request"),
        ("user", "there", "api_request"),
        ("assistant", "Hello", "api_response"),
    ]
    assert {row.turn_id for row in rows} == {Turn.objects.get(status="finished").pk}


def test_the_next_chat_hears_the_last(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one", "two"]) as model:
        talk.ask(session, "first")
        talk.ask(session, "second")
    heard = [message["content"] for message in model.requests[1].messages if message["role"] != "system"]
    assert heard == ["first", "one", "second"]


def test_nothing_is_stored_without_save(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["Hello"]):
        assert talk.ask(session, "Hi", save=False)["choices"][0]["message"]["content"] == "Hello"
    assert talk.said(session) == []
    assert Turn.objects.get().status == "finished"


def test_usage_is_recorded_once(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["Hello"]):
        answer = talk.ask(session, "Hi", metadata={"color": "red"}, headers={"X-Request-Id": "req-1"})
    (usage,) = _usage_rows()
    assert usage["metadata"] == {
        "tags": ["paid"],
        "session_id": session,
        "chat_id": answer["id"],
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("length", "length"), ("content_filter", "content_filter"), ("eos", "stop"), ("tool_calls", "stop")],
)
def test_reasons_are_those_clients_know(talk: Talk, reason: str, shown: str) -> None:
    reply = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hel"}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
    with scripted_model([reply]):
        answer = talk.ask(talk.session(), "Hi")
    assert answer["choices"][0]["finish_reason"] == shown
    assert answer["usage"] == reply["usage"]


def test_settings_of_the_request_win(talk: Talk) -> None:
    agent = talk.agent(default_settings={"temperature": 0.1, "top_p": 0.5})
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    with scripted_model(['{"a": 1}']) as model:
        talk.ask(talk.session(agent), "Hi", temperature=0.9, response_format=wanted, model="scripted/two")
    (request,) = model.requests
    assert request.model == "scripted/two"
    assert request.settings == {"temperature": 0.9, "top_p": 0.5, "response_format": wanted}


def test_the_callers_own_key(talk: Talk) -> None:
    with scripted_model(["Hello"]) as model:
        talk.ask(talk.session(), "Hi", headers={"X-Custom-Api-Key": "sk-mine"})
    assert model.requests[0].api_key == "sk-mine"
    assert _usage_rows()[0]["custom_api_used"]


def test_images_pass_through(talk: Talk) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"}},
    ]
    session = talk.session()
    with scripted_model(["A dot"]) as model:
        talk.ask(session, messages=[{"role": "user", "content": parts}])
    assert model.requests[0].messages[-1]["content"] == parts
    assert talk.said(session)[0] == ("user", parts)


def test_an_empty_reply(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([{"content": None}]):
        assert talk.ask(session, "Hi")["choices"][0]["message"]["content"] is None
    assert talk.said(session) == [("user", "Hi"), ("assistant", "")]


def test_an_unknown_session(talk: Talk) -> None:
    for stream in (False, True):
        response = talk.chat(MISSING, "Hi", stream=stream)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "http_404")
        assert response.json()["error"]["message"] == "Session not found"
    assert talk.chat("no-uuid", "Hi").status_code == 422


def test_only_post(talk: Talk) -> None:
    assert talk.api.get(f"/sessions/{talk.session()}/chat").status_code == 405


def test_a_wrong_key(talk: Talk) -> None:
    response = talk.chat(MISSING, "Hi", headers={"Authorization": "Bearer wrong"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "http_403")


def _usage_rows() -> list[dict[str, Any]]:
    return list(ModelUsage.objects.values("metadata", "custom_api_used"))
