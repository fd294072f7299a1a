"""What is kept of calls of models and tools, how little room it takes, and that no call suffers from it."""

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings

from agents.calls import recorder
from agents.calls.models import Call, CallText
from agents.calls.recorder import RECORDER
from agents.calls.removal import RECORDS, forget_calls, forget_unused_texts
from agents.calls.selectors import OMITTED, list_calls, newest_calls, show_call
from agents.calls.texts import CUT, LONGEST_TEXT, LONGEST_VALUE, written
from agents.llm import gateway
from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import Developer, ModelUsage
from agents.retention.kinds import Expired
from agents.retention.pace import Pace
from agents.spending.attribution import attributed
from julep_project.core.database import fetch
from julep_project.core.errors import ModelUnavailable, NotFound, ReplyTooLong
from julep_project.core.ids import uuid7
from julep_project.devservices.loopback import Reply
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

RUN = UUID(int=7)
WORDS = [f"{start}{end}" for start in ("ti", "mo", "ra", "ke", "lu") for end in ("de", "on", "nt", "ss", "ver", "lo")]


def ask(developer: Developer, *said: Any, answer: Any = "done", **question: Any) -> Call:
    """The record of a call in which a model is told this."""
    messages = [{"role": "user", "content": part} if isinstance(part, str) else part for part in said]
    with scripted_model([answer]), attributed(execution_id=RUN):
        gateway.complete(developer, messages=messages, **question)
    RECORDER.flush()
    return Call.objects.latest("id")


async def streamed(developer: Developer, **question: Any) -> None:
    async for _ in gateway.astream(developer, **question):
        """What comes of it is in its record."""


def stored_bytes() -> int:
    """Of all rows, as they lie in the tables."""
    tables = ("calls_call", "calls_calltext")
    return int(sum(fetch(f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {table} t")[0][0] for table in tables))


def text(words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def test_a_run_with_a_model_and_tools(flow: FlowRunner, web_server: WebServer, settings: LazySettings) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    tool = api_tool(web_server.script("/w", Reply(503, "busy"), Reply(200, {"level": 3})))
    call = {"id": "c1", "type": "function", "function": {"name": "world", "arguments": '{"q": "tides"}'}}
    prompt = {"prompt": "How high?", "tools": "all", "auto_run_tools": True, "settings": {"temperature": 0.5}}
    created = flow.create({"main": [prompt], "tools": [tool]})

    with scripted_model([{"content": None, "tool_calls": [call]}, "Three."]):
        run = flow.start(created.json()["id"], {})
    RECORDER.flush()

    assert run["status"] == "succeeded"
    first, refused, answered, second = list_calls(execution_id=UUID(run["id"]))
    assert [one.kind for one in (first, refused, answered, second)] == ["model", "tool", "tool", "model"]
    assert (refused.status, refused.error_type, refused.attempt) == ("failed", "ToolError", 1)
    assert (answered.status, answered.attempt, answered.key) == ("ok", 2, refused.key)
    assert "503" in str(refused.error) and answered.started_at <= answered.ended_at
    shown = show_call(answered.pk)
    assert (shown.request["arguments"], shown.response["json"]) == ({"q": "tides"}, {"level": 3})
    shown = show_call(second.pk)
    assert shown.request["settings"] == {"temperature": 0.5}
    assert [message["role"] for message in shown.messages] == ["user", "assistant", "tool"]
    assert shown.response[0]["message"]["content"] == "Three." and len(shown.tools) == 1
    usage = ModelUsage.objects.get(pk=second.usage_id)
    assert (usage.prompt_tokens, usage.completion_tokens) == (second.prompt_tokens, second.completion_tokens)
    assert str(second.task_id) == created.json()["id"] and second.agent_id is not None


@pytest.mark.django_db(transaction=True)
def test_chats_and_responses(flow: FlowRunner) -> None:
    RECORDER.has_thread = True
    agent = flow.api.post("/agents", {"name": "Ada"}).json()["id"]
    session = flow.api.post("/sessions", {"agent": agent}).json()["id"]
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    with scripted_model(["Hello.", Spoken("Good ", ModelUnavailable("gone")), "Good day."]):
        chat = flow.api.post(f"/sessions/{session}/chat", body).json()
        with pytest.raises(ModelUnavailable):
            asyncio.run(streamed(Developer.objects.get(), **body))
        response = flow.api.post("/responses", {"model": "gpt-4o", "input": "Hi"}).json()
    RECORDER.wait()

    broken = Call.objects.get(status="failed")
    assert (broken.session_id, broken.error) == (None, "gone")
    assert show_call(broken.pk).response[0]["message"]["content"] == "Good "
    calls = [call for call in list_calls(session_id=UUID(session)) if call.kind == "model"]
    assert calls[0].key == chat["id"] and str(calls[0].agent_id) == agent
    [answering] = Call.objects.exclude(response_id=None)
    assert show_call(answering.pk).messages[-1]["content"] in ("Hi", [{"type": "text", "text": "Hi"}])
    assert list_calls(response_id=answering.response_id) == [answering] and response["status"] == "completed"


def test_a_long_conversation_takes_less_than_twice_its_text(developer: Developer) -> None:
    # A hundred rounds of about 2,000 tokens each.
    said: list[Any] = [{"role": "system", "content": text(500)}]
    rounds = 100
    with scripted_model([{"content": text(30)}] * rounds), attributed(session_id=RUN):
        for number in range(rounds):
            call = {"id": f"c{number}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            said.append({"role": "assistant", "content": None, "tool_calls": [call]})
            said.append({"role": "tool", "tool_call_id": f"c{number}", "content": text(1500)})
            gateway.complete(developer, messages=said)
            RECORDER.flush()

    size = len(json.dumps(said))
    assert size > 600_000
    assert stored_bytes() < 1.2 * size
    assert CallText.objects.count() < len(said) + rounds // 5
    newest = list_calls(session_id=RUN)[-1]
    shown = show_call(newest.pk)
    assert [message["content"] for message in shown.messages] == [message["content"] for message in said]
    cut = show_call(newest.pk, most_bytes=100_000)
    assert cut.messages[-1] == shown.messages[-1] and OMITTED in cut.messages[1]
    assert sum(size for message, size in zip(cut.messages, cut.sizes, strict=True) if OMITTED not in message) <= 100_000


def test_what_was_stored_is_not_sent_again(developer: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    write = recorder.write
    monkeypatch.setattr(recorder, "write", lambda notes: (sent.append(sum(len(n.texts) for n in notes)), write(notes)))

    for said in (["a", "b"], ["a", "b", "c"], ["b"]):
        ask(developer, *said)

    assert sent == [2, 1, 0]
    # Another process does not know, and stores nothing twice.
    RECORDER.forget()
    ask(developer, "a", "b", "c")
    assert (sent[-1], CallText.objects.count()) == (3, 3)


def test_a_call_that_fails(developer: Developer) -> None:
    with pytest.raises(ModelUnavailable):
        ask(developer, "Hi", answer=ModelUnavailable("overloaded"))
    RECORDER.flush()

    ask(developer, "Hi")
    [call] = newest_calls(status="failed")
    assert [one.status for one in newest_calls(limit=5)] == ["ok", "failed"]
    assert newest_calls(before=newest_calls(limit=1)[0].pk) == [call]
    assert (call.status, call.error_type, call.error, call.response) == (
        "failed", "ModelUnavailable", "overloaded", None,
    )  # fmt: skip
    assert show_call(call.pk).messages == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(("kept", "statuses"), [("failed", ["failed"]), ("none", [])])
def test_only_what_is_wanted_is_kept(
    developer: Developer, settings: LazySettings, kept: str, statuses: list[str]
) -> None:
    settings.CALLS_KEPT = kept
    with scripted_model(["fine", ModelUnavailable("overloaded")]):
        gateway.complete(developer, messages=[{"role": "user", "content": "Hi"}])
        with pytest.raises(ModelUnavailable):
            gateway.complete(developer, messages=[{"role": "user", "content": "Hi"}])
    RECORDER.flush()

    assert list(Call.objects.values_list("status", flat=True)) == statuses


def test_hostile_and_large_values(developer: Developer) -> None:
    assert b"half" in written("half \ud800 of a pair") and written({"b": 10**30, "a": 1}).startswith(b'{"a":')
    call = ask(developer, "nul \x00", "x" * (LONGEST_TEXT + 1), answer="y" * (LONGEST_VALUE + 1))

    shown = show_call(call.pk)
    assert shown.messages[0]["content"] == "nul \x00"
    assert set(shown.messages[1]) == {CUT, "size"} and shown.messages[1]["size"] > LONGEST_TEXT
    assert shown.response["size"] > LONGEST_VALUE
    with pytest.raises(NotFound):
        show_call(call.pk, developer_id=uuid7())


def test_a_database_that_is_away_costs_no_call(
    developer: Developer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(notes: Any) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(recorder, "write", away)
    monkeypatch.setattr(recorder, "_GATHER_S", 0.0)
    RECORDER.has_thread = True
    with scripted_model(["fine"]):
        answer = gateway.complete(developer, messages=[{"role": "user", "content": "Hi"}])
    RECORDER.wait()

    assert answer["choices"][0]["content"] == "fine"
    assert "records of calls not written" in caplog.text


def test_an_answer_that_is_too_long_failed(developer: Developer, settings: LazySettings) -> None:
    settings.MAX_REPLY_CHARACTERS = 10
    with pytest.raises(ReplyTooLong):
        ask(developer, "Hi", answer="far too much")
    RECORDER.flush()

    [call] = newest_calls(status="failed")
    shown = show_call(call.pk)
    assert (call.error_type, shown.response[0]["message"]["content"]) == ("ReplyTooLong", "far too much")


def test_too_many_that_wait_are_left_out(developer: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_MOST_WAITING_BYTES", 5000)
    with scripted_model(["fine"] * 10):
        for number in range(10):
            gateway.complete(developer, messages=[{"role": "user", "content": f"{number}" * 1000}])
    RECORDER.flush()

    assert 1 <= Call.objects.count() < 10


@pytest.fixture
def old_and_new(developer: Developer) -> Iterator[tuple[Call, Call]]:
    """A call of twenty days ago, and one of today that was told some of the same."""
    old, new = ask(developer, "only then", "both"), ask(developer, "both", "only now")
    long_ago = datetime.now(UTC) - timedelta(days=20)
    Call.objects.filter(pk=old.pk).update(started_at=long_ago)
    CallText.objects.exclude(pk__in=new.rest).update(last_used=long_ago.date())
    yield old, new


def test_old_records_go_and_what_newer_ones_need_stays(
    developer: Developer, old_and_new: tuple[Call, Call], settings: LazySettings
) -> None:
    assert settings.RETENTION_DAYS["records"] == 14
    expired = Expired(developer.pk, datetime.now(UTC) - timedelta(days=14))

    assert (RECORDS.is_due(expired), RECORDS.count(expired), RECORDS.remove(expired, Pace())) == (True, 2, 2)

    assert (list(Call.objects.all()), RECORDS.is_due(expired)) == ([old_and_new[1]], False)
    assert [message["content"] for message in show_call(old_and_new[1].pk).messages] == ["both", "only now"]


def test_what_is_forgotten_leaves_no_text(developer: Developer, stranger: Developer) -> None:
    kept = ask(developer, *(f"kept {number}" for number in range(40)), "shared")
    ask(stranger, "gone")
    with attributed(session_id=UUID(int=9)):
        ask(developer, *(f"gone {number}" for number in range(20)), "shared")

    count = forget_calls("session", [UUID(int=9)], Pace())

    # Twenty messages and the piece that lists the first of them.
    assert (count, forget_unused_texts(developer.pk, Pace())) == (1, 21)
    contents = [message["content"] for message in show_call(kept.pk).messages]
    assert contents == [*(f"kept {number}" for number in range(40)), "shared"]
    assert Call.objects.filter(developer=stranger).count() == CallText.objects.filter(developer=stranger).count() == 1
