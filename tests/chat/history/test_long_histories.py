"""Histories of which only the part is read that a prompt may have room for, and turns that are forgotten."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from agents.llm import tokens
from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import Developer, ModelUsage
from julep_project.core.errors import ModelUnavailable
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import load_conversation
from sessions.errors import PromptOverBudget
from sessions.history.entries import save_entries
from sessions.history.turns import prune_turns
from sessions.models import Entry, Turn
from sessions.shortening.overflow import shorten_history
from tests.chat.conftest import MODEL, Talk

BUDGET = 1000
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def _entry(content: Any, token_count: int, role: str = "user", **fields: Any) -> Entry:
    """A short entry that counts for a long one."""
    return Entry(role=role, content=content, source="api_request", tokenizer=MODEL, token_count=token_count, **fields)


def _session(talk: Talk, *entries: Entry, **fields: Any) -> str:
    session = talk.session(talk.agent(), **fields)
    save_entries(UUID(session), entries)
    return session


def _read(session: str, **fields: Any) -> list[Any]:
    request = ChatRequest.read({"message": "And now?", "recall": False, **fields})
    return [entry.content for entry in load_conversation(Developer.objects.get(), UUID(session), request).entries]


def _long(count: int, token_count: int) -> list[Entry]:
    return [_entry(f"m{number}", token_count) for number in range(count)]


def test_truncate_reads_the_newest_that_may_fit(talk: Talk) -> None:
    session = _session(talk, *_long(10, 5000), token_budget=BUDGET, context_overflow="truncate")
    assert _read(session) == ["m6", "m7", "m8", "m9"]
    larger = _session(talk, *_long(10, 5000), token_budget=10 * BUDGET, context_overflow="truncate")
    assert _read(larger) == [f"m{number}" for number in range(2, 10)]


@pytest.mark.parametrize("overflow", [None, "adaptive"])
def test_a_history_far_too_long_is_refused_unread(talk: Talk, rung: list[str], overflow: str | None) -> None:
    session = _session(talk, *_long(5, 5000), token_budget=BUDGET, context_overflow=overflow)
    with CaptureQueriesContext(connection) as queries, pytest.raises(PromptOverBudget):
        _read(session)
    assert not any('"content"' in query["sql"] for query in queries)
    error = talk.chat(session, "And now?").json()["error"]
    assert (error["code"], error["tokens"], error["budget"]) == ("prompt_too_big", 25_000, BUDGET)
    assert error["jobs"] == rung
    assert bool(rung) is (overflow == "adaptive")


def test_a_history_far_too_long_comes_free(talk: Talk, rung: list[str]) -> None:
    session = _session(talk, *_long(5, 5000), token_budget=BUDGET, context_overflow="adaptive")
    talk.chat(session, "And now?")
    with scripted_model(["Tides.", "ok"]):
        shorten_history(UUID(rung[0]))
        talk.ask(session, "And now?")


def test_a_history_within_the_budget_is_read_as_a_whole(talk: Talk) -> None:
    session = _session(talk, *_long(10, 5000), token_budget=100 * BUDGET)
    assert len(_read(session)) == 10


@pytest.mark.parametrize(("overflow", "read"), [("truncate", 10), (None, None)])
def test_a_window_that_is_not_known_has_a_bound(talk: Talk, overflow: str | None, read: int | None) -> None:
    session = _session(talk, *_long(11, 100_000), context_overflow=overflow)
    if read is None:
        assert talk.chat(session, "And now?").json()["error"]["budget"] == 1_000_000
    else:
        assert len(_read(session)) == read


def test_a_budget_beyond_what_is_read_locks_nothing(talk: Talk, rung: list[str]) -> None:
    session = _session(talk, *_long(41, 100_000), token_budget=10_000_000, context_overflow="adaptive")
    error = talk.chat(session, "And now?").json()["error"]
    assert (error["tokens"], error["budget"], error["jobs"]) == (4_100_000, 4_000_000, rung)
    with scripted_model(["Tides.", "ok"]):
        shorten_history(UUID(rung[0]))
        talk.ask(session, "And now?")


def test_results_are_not_told_without_their_calls(talk: Talk) -> None:
    call = _entry(None, 15_000, "assistant", tool_calls=[CALL])
    result = _entry("blue", 10_000, "tool", tool_call_id="c1")
    session = _session(talk, call, result, *_long(1, 10), token_budget=BUDGET, context_overflow="truncate")
    with scripted_model(["ok"]) as model:
        talk.ask(session, "And now?")
    assert [message["content"] for message in model.requests[0].messages][-2:] == ["m0", "And now?"]
    assert not any(message["role"] == "tool" for message in model.requests[0].messages)


def test_tool_calls_that_are_not_recalled_take_no_room(talk: Talk) -> None:
    call = _entry(None, 50_000, "assistant", tool_calls=[CALL])
    result = _entry("blue", 50_000, "tool", tool_call_id="c1")
    waiting = _entry(None, 10, "assistant", tool_calls=[{**CALL, "id": "c2"}])
    session = _session(talk, *_long(1, 10), call, result, waiting, token_budget=BUDGET)
    assert talk.chat(session, "And now?").status_code == 400
    assert _read(session, recall_tools=False) == ["m0"]
    with scripted_model(["ok"]) as model:
        answer = {"role": "tool", "tool_call_id": "c2", "content": "green"}
        talk.ask(session, messages=[answer], recall_tools=False)
    assert [message["role"] for message in model.requests[0].messages][-3:] == ["user", "assistant", "tool"]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Names of the threads that count tokens."""
    names: set[str] = set()

    def watched(name: str) -> Any:
        count = getattr(tokens, name)

        def counted(*args: Any) -> Any:
            names.add(threading.current_thread().name)
            return count(*args)

        return counted

    for name in ("count_tokens", "count_text"):
        monkeypatch.setattr(tokens, name, watched(name))
    yield names


def test_tokens_are_not_counted_on_the_threads_of_queries(talk: Talk, counting: set[str]) -> None:
    session = talk.session()
    with scripted_model(["ok", Spoken("half a "), Spoken("half a ", ModelUnavailable("broken off"))]):
        talk.ask(session, "Hi")
        talk.listen(session, "Hi")
        talk.listen(session, "Hi")
    assert ModelUsage.objects.count() == 3
    assert len(counting) > 0
    assert not any(name.startswith("async-query") for name in counting)


def test_turns_of_long_ago_are_forgotten_not_what_was_said(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one", "two"]):
        talk.ask(session, "first")
        Turn.objects.update(ended_at=Now() - timedelta(days=8))
        talk.ask(session, "second")
    prune_turns()
    assert Turn.objects.count() == 1
    assert [text for _, text in talk.said(session)] == ["first", "one", "second", "two"]
    assert [entry.turn_id is None for entry in Entry.objects.order_by("seq")] == [True, True, False, False]


def test_a_summary_is_kept_while_it_stands_for_something(talk: Talk) -> None:
    session = _session(talk, *_long(2, 5))
    [summary] = save_entries(UUID(session), [_entry("all", 5)])
    Entry.objects.filter(content="m0").update(superseded_by=summary)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=summary.pk).delete()
    assert Entry.objects.count() == 3
    assert talk.api.delete(f"/sessions/{session}/history").status_code == 202
    assert Entry.objects.count() == 0


def test_a_session_goes_with_its_turns_and_summaries(talk: Talk, rung: list[str]) -> None:
    session = _session(talk, *_long(5, 5000), token_budget=BUDGET, context_overflow="adaptive")
    talk.chat(session, "And now?")
    with scripted_model(["Tides.", "ok"]):
        shorten_history(UUID(rung[0]))
        talk.ask(session, "And now?")
    assert talk.api.delete(f"/sessions/{session}").status_code == 202
    assert (Entry.objects.count(), Turn.objects.count()) == (0, 0)
