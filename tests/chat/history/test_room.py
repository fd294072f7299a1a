"""`adaptive` conversations that are too long for any prompt come free again."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db.models.functions import Now

from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import ModelUnavailable, PromptTooBig
from sessions.history.entries import new_entry, save_entries
from sessions.models import Entry, Job
from sessions.shortening.jobs import claim_job
from sessions.shortening.overflow import shorten_history
from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.chat.conftest import MODEL, Talk

BUDGET = 1000
LONG = "tide " * 1500
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def _session(talk: Talk, **fields: Any) -> str:
    agent = talk.agent(default_system_template="Be brief.", **fields)
    return talk.session(agent, token_budget=BUDGET, context_overflow="adaptive")


def _store(session: str, *messages: dict[str, Any], model: str = MODEL) -> None:
    """Without asking for a job, as when the session had no limit yet."""
    entries = [new_entry(message, source="api_request", model=model) for message in messages]
    save_entries(UUID(session), entries)


def _refused(talk: Talk, session: str, *texts: str, **body: Any) -> list[str]:
    """The jobs named by the refusal of a chat that stores nothing."""
    before = Entry.objects.count()
    response = talk.chat(session, *texts, **body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], Entry.objects.count()) == (400, "prompt_too_big", before)
    assert error["tokens"] > error["budget"]
    jobs: list[str] = error["jobs"]
    return jobs


def _do(job_id: str, answer: str | Exception = "Tides were discussed.") -> None:
    with scripted_model([answer]):
        shorten_history(UUID(job_id))
    assert Job.objects.get(pk=job_id).state == "succeeded"


def _go_on(talk: Talk, session: str) -> None:
    with scripted_model(["ok"]):
        talk.ask(session, "And now?")


def test_a_reply_larger_than_the_budget_is_summarised(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    with scripted_model([LONG]):
        named = talk.ask(session, "Tell me all")["jobs"]
    assert rung == named == _refused(talk, session, "And now?")
    _do(rung[0])
    assert [text for _, text in talk.said(session)] == [Entry.objects.get(source="summarizer").content]
    _go_on(talk, session)


def test_a_stream_is_refused_with_the_job_as_well(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _store(session, {"role": "user", "content": LONG})
    assert _refused(talk, session, "And now?", stream=True) == rung != []


def test_after_a_job_that_failed_the_next_chat_asks_for_another(talk: Talk, rung: list[str], settings: Any) -> None:
    settings.MAX_ATTEMPTS = 1
    session = _session(talk)
    _store(session, {"role": "user", "content": LONG})
    [failed] = _refused(talk, session, "And now?")
    assert claim_job(UUID(failed)) is not None
    Job.objects.update(lease_until=Now())
    assert claim_job(UUID(failed)) is None
    [another] = _refused(talk, session, "And now?")
    assert another != failed
    _do(another)
    _go_on(talk, session)


def test_a_session_that_gets_its_limit_late(talk: Talk, rung: list[str]) -> None:
    session = talk.session(talk.agent())
    _store(session, *({"role": "user", "content": f"{number} {'tide ' * 100}"} for number in range(30)))
    fields = {"token_budget": BUDGET, "context_overflow": "adaptive"}
    assert talk.api.patch(f"/sessions/{session}", fields).status_code == 200
    [job_id] = _refused(talk, session, "And now?")
    _do(job_id)
    _go_on(talk, session)
    assert [text.split()[0] for _, text in talk.said(session)[1:3]] == ["27", "28"]


def test_messages_that_are_only_stored_ask_for_a_job(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    message = {"role": "user", "content": "tide " * 200}
    named = [talk.api.post(f"/sessions/{session}/messages", message).json()["jobs"] for _ in range(4)]
    assert named == [[], [], [], rung]
    _do(rung[0])
    _go_on(talk, session)


def test_a_message_too_large_by_itself_asks_for_nothing(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _store(session, {"role": "user", "content": "tide " * 300}, {"role": "assistant", "content": "tide " * 300})
    assert _refused(talk, session, LONG) == rung == []


def test_a_prompt_that_only_the_provider_finds_too_large(talk: Talk, rung: list[str]) -> None:
    session = talk.session(talk.agent(), context_overflow="adaptive")
    _store(session, *({"role": "user", "content": f"{number} {'tide ' * 100}"} for number in range(10)))
    with scripted_model([PromptTooBig("too long for me")]):
        response = talk.chat(session, "And now?")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["jobs"]) == (400, "prompt_too_big", rung)
    _do(rung[0])
    assert len(talk.said(session)) < 5


def test_a_call_that_waits_for_its_result_is_left_alone(talk: Talk, rung: list[str]) -> None:
    agent = talk.agent()
    talk.tool(agent, name="look", type="function", function={"parameters": {"type": "object"}})
    session = talk.session(agent, token_budget=BUDGET, context_overflow="adaptive")
    _store(session, {"role": "user", "content": LONG}, {"role": "assistant", "content": None, "tool_calls": [CALL]})
    result = {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "blue"}]}
    [job_id] = _refused(talk, session, **result)
    _do(job_id)
    with scripted_model(["ok"]) as model:
        talk.ask(session, **result)
    assert [message["role"] for message in model.requests[0].messages][-2:] == ["assistant", "tool"]


@pytest.mark.parametrize("text", ["潮" * 3000, LONG])
def test_clipped_messages_fit_whatever_their_script(talk: Talk, rung: list[str], text: str) -> None:
    session = _session(talk)
    _store(session, {"role": "user", "content": text})
    [job_id] = _refused(talk, session, "And now?")
    _do(job_id, ModelUnavailable("away"))
    assert Entry.objects.get(source="summarizer").token_count <= BUDGET * 0.16
    _go_on(talk, session)


def test_entries_counted_for_another_model(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _store(session, *({"role": "user", "content": "潮" * 300} for _ in range(4)), model="offline/echo")
    [job_id] = _refused(talk, session, "And now?")
    _do(job_id)
    _go_on(talk, session)


def test_a_worker_frees_a_conversation(backend: Backend) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=backend.url, headers=headers, timeout=30) as client:
        agent = client.post("/agents", json={"name": "Ada", "model": "offline/echo"}).json()["id"]
        fields = {"agent": agent, "token_budget": BUDGET, "context_overflow": "adaptive"}
        session = client.post("/sessions", json=fields).json()["id"]
        stored = client.post(f"/sessions/{session}/messages", json={"role": "user", "content": LONG})
        [job_id] = stored.json()["jobs"]
        wait_until(lambda: client.get(f"/jobs/{job_id}").json()["state"] == "succeeded", 30, backend)
        answer = client.post(f"/sessions/{session}/chat", json={"message": "And now?", "recall": False})
    assert answer.status_code == 201, answer.text
