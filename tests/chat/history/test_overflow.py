"""Conversations that grow beyond their budget."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now

from agents.llm.own.scripted import ScriptedModel, scripted_model
from agents.models import Developer
from julep_project.core.errors import ModelUnavailable
from sessions.history.entries import new_entry, save_entries
from sessions.models import Entry, Job, Session
from sessions.shortening import jobs, overflow
from sessions.shortening.jobs import claim_job
from sessions.shortening.overflow import shorten_history
from tests.chat.conftest import MODEL, Talk
from tests.executions_api.conftest import MISSING

BUDGET = 400
FACT = "The tide at the old pier turns at noon, said the keeper of the lighthouse, and nobody doubted it."


def _session(talk: Talk, overflow: str | None = "adaptive", **fields: Any) -> str:
    return talk.session(
        talk.agent(default_system_template="Be brief.", **fields), token_budget=BUDGET, context_overflow=overflow
    )


def _fill(talk: Talk, session: str, count: int) -> list[Any]:
    """So many chats; the jobs each of them named."""
    with scripted_model([f"Yes {n}. {FACT}" for n in range(count)]):
        return [talk.ask(session, f"Is it true, {n}? {FACT}")["jobs"] for n in range(count)]


def _heard(model: ScriptedModel) -> list[str]:
    return [str(message["content"]) for message in model.requests[-1].messages]


def test_without_a_wish_a_prompt_that_is_too_big_is_refused(talk: Talk, rung: list[str]) -> None:
    session = _session(talk, overflow=None)
    response = talk.chat(session, FACT * 40)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "prompt_too_big")
    assert talk.said(session) == []
    assert _fill(talk, session, 6) == [[]] * 6


def test_truncate_leaves_out_the_oldest(talk: Talk) -> None:
    session = _session(talk, overflow="truncate")
    _fill(talk, session, 9)
    with scripted_model(["ok"]) as model:
        talk.ask(session, "And now?")
    heard = _heard(model)
    assert (heard[0], heard[-1]) == ("Be brief.", "And now?")
    assert not any("true, 0?" in text for text in heard)
    assert len(talk.said(session)) == 20


def test_truncate_leaves_no_answer_without_its_question(talk: Talk) -> None:
    """However much has to go: the first after the system message is the user's."""
    first = set()
    for filled in range(4, 10):
        session = _session(talk, overflow="truncate")
        _fill(talk, session, filled)
        for more in ("And?", "And now, after all of this?" * 3):
            with scripted_model(["ok"]) as model:
                talk.ask(session, more)
            first.add(tuple(message["role"] for message in model.requests[0].messages[:2]))
    assert first == {("system", "user")}


def test_tool_rounds_stay_within_the_budget(talk: Talk) -> None:
    session = _session(talk, overflow="truncate")
    _fill(talk, session, 5)
    calls = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": FACT * 8, "arguments": "{}"}}]}
    with scripted_model([calls, "ok"]) as model:
        talk.ask(session, "And now?", auto_run_tools=True)
    assert len(model.requests[1].messages) < len(model.requests[0].messages) + 2
    assert [message["role"] for message in model.requests[1].messages][-3:] == ["user", "assistant", "tool"]


def test_a_full_conversation_gets_a_job(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    named = _fill(talk, session, 6)
    first = next(jobs[0] for jobs in named if jobs)
    assert all(jobs in ([], [first]) for jobs in named)
    assert rung == [first]
    assert talk.api.get(f"/jobs/{first}").json() == {
        "id": first,
        "name": "shorten_history",
        "reason": Job.objects.get().reason,
        "created_at": talk.api.get(f"/jobs/{first}").json()["created_at"],
        "updated_at": talk.api.get(f"/jobs/{first}").json()["created_at"],
        "has_progress": True,
        "progress": 0.0,
        "state": "pending",
    }


def test_the_summary_replaces_the_oldest_in_prompts_only(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _fill(talk, session, 6)
    with scripted_model(["Tides were discussed."]) as model:
        shorten_history(rung[0])
    assert "true, 0?" in _heard(model)[-1]
    assert talk.api.get(f"/jobs/{rung[0]}").json()["state"] == "succeeded"
    with scripted_model(["ok"]) as model:
        talk.ask(session, "And now?")
    heard = _heard(model)
    assert "Tides were discussed." in heard[1]
    assert not any("true, 0?" in text for text in heard)
    history = talk.api.get(f"/sessions/{session}/history").json()["entries"]
    assert len(history) == 14
    (summary,) = Entry.objects.filter(session_id=session, source="summarizer")
    assert summary.stands_for.count() >= 2
    newest_replaced = summary.stands_for.order_by("-seq").first()
    assert newest_replaced is not None
    assert summary.place == newest_replaced.place


@pytest.mark.parametrize("model", ["offline/echo", "scripted/one"])
def test_without_a_model_messages_are_clipped(talk: Talk, rung: list[str], model: str) -> None:
    session = _session(talk, model=model)
    _fill(talk, session, 6)
    with scripted_model([ModelUnavailable("away")]):
        shorten_history(rung[0])
    text = talk.said(session)[0][1]
    assert text.count("user: Is it true") >= 2
    assert FACT not in text
    assert Job.objects.get().state == "succeeded"


def test_a_long_history_is_read_in_parts(talk: Talk, rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same result, however small the parts are."""
    session = _session(talk)
    _fill(talk, session, 6)
    whole = overflow._plan(Job.objects.get())
    assert whole is not None
    read: list[int] = []
    pages_within = overflow.pages_within

    def noting(*args: Any, **options: Any) -> Any:
        for page in pages_within(*args, **options):
            read.append(len(page))
            yield page

    monkeypatch.setattr(overflow, "pages_within", noting)
    monkeypatch.setattr(overflow, "_PAGE_BYTES", 3 * len(FACT))
    assert overflow._plan(Job.objects.get()) == whole
    assert max(read) <= 3
    assert sum(read) == Entry.objects.filter(session_id=session).count() + len(whole.old)


def test_what_is_too_long_for_any_model_is_clipped_while_it_is_read(
    talk: Talk, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _session(talk)
    _fill(talk, session, 6)
    plan = overflow._plan(Job.objects.get())
    assert plan is not None
    clipped = overflow.clip(plan.lines, BUDGET)
    monkeypatch.setattr(overflow, "_LONGEST_TRANSCRIPT", 3 * len(FACT))
    short = overflow._plan(Job.objects.get())
    assert short is not None
    assert sum(map(len, short.lines)) < sum(map(len, plan.lines)) / 2
    with scripted_model([]) as model:
        shorten_history(rung[0])
    assert model.requests == []
    assert talk.said(session)[0][1].count("user: Is it true") >= 2
    assert clipped.count("user: Is it true") >= 2


def test_a_later_summary_takes_in_the_earlier(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    for number in range(2):
        while len(rung) == number:
            _fill(talk, session, 1)
        with scripted_model([f"Summary {number}."]) as model:
            shorten_history(rung[number])
    assert "Summary 0." in _heard(model)[-1]
    assert [text.endswith("Summary 1.") for _, text in talk.said(session)].count(True) == 1
    assert not any("Summary 0." in str(text) for _, text in talk.said(session))
    assert Entry.objects.filter(session_id=session, superseded_by=None, source="summarizer").count() == 1


def test_a_job_is_asked_for_at_three_quarters_of_the_budget(talk: Talk, rung: list[str]) -> None:
    def chat(budget: int) -> list[str]:
        session = talk.session(talk.agent(), token_budget=budget, context_overflow="adaptive")
        said = [new_entry({"role": "user", "content": FACT}, source="api_request", model=MODEL) for _ in range(8)]
        save_entries(UUID(session), said)
        with scripted_model(["ok"]):
            jobs: list[str] = talk.ask(session, "And now?")["jobs"]
        return jobs

    [job_id] = chat(300)
    tokens = int(Job.objects.get(pk=job_id).reason.split(" takes ")[1].split(" of ")[0])
    largest_full = tokens * 4 // 3
    assert len(chat(largest_full)) == 1
    assert chat(largest_full + 1) == []


def test_the_summary_is_written_by_the_model_of_the_chat_and_to_its_budget(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    with scripted_model([f"Yes {n}. {FACT}" for n in range(6)]):
        for number in range(6):
            talk.ask(session, f"Is it true, {number}? {FACT}", model="scripted/two")
    assert talk.api.patch(f"/sessions/{session}", {"token_budget": 100_000}).status_code == 200
    with scripted_model(["Tides."]) as model:
        shorten_history(rung[0])
    assert model.requests[0].model == "scripted/two"
    assert model.requests[0].settings["max_tokens"] < BUDGET * 0.15
    assert Entry.objects.get(source="summarizer").model == "scripted/two"


def test_of_workers_that_begin_at_once_one_does_the_job(talk: Talk, rung: list[str]) -> None:
    _fill(talk, _session(talk), 6)
    barrier = Barrier(8)

    def claim(_: int) -> bool:
        try:
            barrier.wait(10)
            return claim_job(UUID(rung[0])) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_chat_and_the_job_at_once_lose_and_double_nothing(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    while not rung:
        _fill(talk, session, 1)
    before = len(talk.said(session))
    answered = Barrier(2)

    def together(_: Any) -> str:
        answered.wait(10)
        return "Both."

    def work() -> None:
        try:
            shorten_history(rung[0])
        finally:
            connection.close()

    with scripted_model([together, together]), ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        talk.ask(session, "And now?")
        working.result()
    rows = list(Entry.objects.filter(session_id=session).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, before + 4))
    assert [row.content for row in rows if row.source != "summarizer"][-2:] == ["And now?", "Both."]
    (summary,) = (row for row in rows if row.source == "summarizer")
    replaced = summary.stands_for.count()
    assert replaced >= 2
    assert len(talk.said(session)) == before + 3 - replaced
    assert Job.objects.get().state == "succeeded"


def test_a_job_is_done_once(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _fill(talk, session, 6)
    with scripted_model(["Tides."]) as model:
        shorten_history(rung[0])
        shorten_history(rung[0])
    assert len(model.requests) == 1
    assert Entry.objects.filter(session_id=session, source="summarizer").count() == 1


def test_what_is_said_meanwhile_is_kept(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _fill(talk, session, 6)

    def meanwhile(_: Any) -> str:
        message = new_entry({"role": "user", "content": "meanwhile"}, source="api_request", model="")
        save_entries(Session.objects.get().pk, [message])
        return "Tides."

    with scripted_model([meanwhile]):
        shorten_history(rung[0])
    assert talk.said(session)[-1] == ("user", "meanwhile")
    assert Entry.objects.filter(session_id=session).count() == 14


def test_a_history_cleared_meanwhile_aborts_the_job(talk: Talk, rung: list[str]) -> None:
    session = _session(talk)
    _fill(talk, session, 6)

    def meanwhile(_: Any) -> str:
        assert talk.api.delete(f"/sessions/{session}/history").status_code == 202
        return "Tides."

    with scripted_model([meanwhile]):
        shorten_history(rung[0])
    assert (Job.objects.get().state, Entry.objects.count()) == ("aborted", 0)


def test_a_job_whose_worker_died_is_rung_again_and_done(talk: Talk, rung: list[str], settings: Any) -> None:
    settings.RING_AGAIN_SECONDS = 0
    _fill(talk, _session(talk), 6)
    assert claim_job(Job.objects.get().pk) is not None
    assert jobs.QUEUED.ring_due() == 0
    Job.objects.update(lease_until=Now())
    assert jobs.QUEUED.ring_due() == 1
    with scripted_model(["Tides."]):
        shorten_history(rung[-1])
    assert (Job.objects.get().state, Job.objects.get().attempts) == ("succeeded", 2)


def test_a_job_given_back_is_begun_anew_and_counts_no_attempt(talk: Talk, rung: list[str]) -> None:
    _fill(talk, _session(talk), 6)
    job = claim_job(Job.objects.get().pk)
    assert job is not None
    jobs.LEASES.hand_back([job.held])
    assert rung == [str(job.row.pk)] * 2
    with scripted_model(["Tides."]):
        shorten_history(rung[-1])
    assert (Job.objects.get().state, Job.objects.get().attempts) == ("succeeded", 1)


def test_a_job_that_kills_its_workers_fails(talk: Talk, rung: list[str], settings: Any) -> None:
    settings.MAX_ATTEMPTS = 2
    _fill(talk, _session(talk), 6)
    for _ in range(2):
        assert claim_job(Job.objects.get().pk) is not None
        Job.objects.update(lease_until=Now())
    assert claim_job(Job.objects.get().pk) is None
    assert talk.api.get(f"/jobs/{rung[0]}").json()["state"] == "failed"


def test_a_foreign_job_is_like_a_missing_one(talk: Talk, stranger: Developer) -> None:
    theirs = Job.objects.create(
        developer=stranger,
        session=Session.objects.create(developer=stranger),
        name="shorten_history",
        through_seq=0,
        model="",
        budget=BUDGET,
        urgent=False,
    )
    answers = [talk.api.get(f"/jobs/{job_id}") for job_id in (MISSING, theirs.pk)]
    assert [answer.status_code for answer in answers] == [404, 404]
    missing, foreign = [{**answer.json()["error"], "request_id": None} for answer in answers]
    assert missing == foreign
    assert missing["message"] == "Job not found"
