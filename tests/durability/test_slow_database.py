"""Work of every kind that meets a database which is away, overloaded, or takes too long over what the work asks of it.

The first two say nothing of the work: it waits, and no attempt is counted. The last is its own failure.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection

from agents.llm import gateway
from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from docs_store.embedding import embed_due
from docs_store.models import DocEmbedding
from executions.effects.perform import perform_effect
from executions.engine.advance import advance_branch
from executions.engine.dispatch import dispatching_to
from executions.models import Branch, Execution
from sessions.history.entries import new_entry, save_entries
from sessions.models import Job, Session
from sessions.responses.answering import background
from sessions.responses.models import StoredResponse
from sessions.shortening import jobs
from sessions.shortening.overflow import shorten_history
from tests.api_client import API_KEY, ApiClient
from tests.durability.programs import create_task, start_run
from tests.executions.rings import Rings
from tests.outages import database_away, impatient, locked, when_noticed
from tests.responses.conftest import ResponsesClient

__all__ = ["impatient"]


class Work:
    """A piece of work: `row` is the table that says how it stands, `other` one it needs beside that. `midway` happens
    while the world is asked."""

    row: str
    other: str

    def __init__(self) -> None:
        self.midway: Callable[[], object] = lambda: None

    def asked(self, *_: Any, **__: Any) -> Any:
        midway, self.midway = self.midway, lambda: None
        midway()
        return "A summary."

    def do(self) -> None:
        """What a message makes a worker do."""
        raise NotImplementedError

    def counted(self) -> int:
        raise NotImplementedError

    def is_done(self) -> bool:
        raise NotImplementedError

    def pass_time(self) -> None:
        with connection.cursor() as cursor:
            past = "now() - interval '1 second'"
            cursor.execute(f"UPDATE {self.row} SET {self.pause} = {past}, lease_until = {past}")

    pause = "due_at"


class Docs(Work):
    row, other = "docs_store_docembedding", "docs_store_embedding"

    def __init__(self, api: ApiClient) -> None:
        super().__init__()
        agent = api.post("/agents", {"name": "Reader"}).json()["id"]
        assert api.post(f"/agents/{agent}/docs", {"title": "Library", "content": ["It opens."]}).status_code == 201

    def do(self) -> None:
        embed_due()

    def asked(self, developer: Developer, texts: list[str], **_: Any) -> Any:
        super().asked()
        return [[1.0, 0.0] for _ in texts]

    def counted(self) -> int:
        return DocEmbedding.objects.get().attempts

    def is_done(self) -> bool:
        return DocEmbedding.objects.get().state == "ready"


class Jobs(Work):
    row, other = "chat_sessions_job", "chat_sessions_entry"

    def __init__(self, api: ApiClient) -> None:
        super().__init__()
        agent = api.post("/agents", {"name": "Talker"}).json()["id"]
        session = Session.objects.get(pk=api.post("/sessions", {"agent": agent}).json()["id"])
        said = [
            new_entry({"role": "user", "content": f"{n} " * 50}, source="api_request", model="scripted/one")
            for n in range(20)
        ]
        save_entries(session.pk, said)
        self._job = jobs.start_job(
            Job(
                developer_id=session.developer_id,
                session=session,
                name=jobs.SHORTEN_HISTORY,
                reason="",
                through_seq=20,
                model="scripted/one",
                budget=500,
                urgent=True,
            )
        )

    def do(self) -> None:
        shorten_history(self._job)

    def counted(self) -> int:
        return Job.objects.get().attempts

    def is_done(self) -> bool:
        return Job.objects.get().state == "succeeded"


class Responses(Work):
    row, other = "chat_sessions_storedresponse", "agents_modelusage"

    def __init__(self, api: ApiClient) -> None:
        super().__init__()
        ResponsesClient(asyncio.run).create(background=True)

    def do(self) -> None:
        background.answer_in_background(StoredResponse.objects.get().pk)

    def counted(self) -> int:
        return StoredResponse.objects.get().attempts

    def is_done(self) -> bool:
        return StoredResponse.objects.get().status == "completed"


class Slices(Work):
    row, other, pause = "executions_branch", "executions_transition", "wake_at"
    main: list[Any] = [{"evaluate": "$ 1 + 1"}]

    def __init__(self, api: ApiClient) -> None:
        super().__init__()
        with dispatching_to(Rings()):
            self._run = start_run(api, create_task(api, "http://127.0.0.1/", "slow", self.main))

    def do(self) -> None:
        advance_branch(Branch.objects.get().pk, owner="a message")

    def counted(self) -> int:
        return Branch.objects.get().attempt

    def is_done(self) -> bool:
        return Execution.objects.get().status == "succeeded"


class Searches(Slices):
    other = "docs_store_chunk"
    main: list[Any] = [{"search": {"text": "'tides'"}}]

    def __init__(self, api: ApiClient) -> None:
        super().__init__(api)
        super().do()

    def do(self) -> None:
        with dispatching_to(Rings()):
            perform_effect(Branch.objects.get().pk, owner="a message")
        if Branch.objects.get().status == "ready":
            super().do()

    def counted(self) -> int:
        effect = Branch.objects.get().effect
        return 0 if effect is None else int(effect["attempts"])


@pytest.fixture
def make(impatient: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type[Any]], Any]]:
    settings.AGENTS_API_KEY = API_KEY
    with ExitStack() as held:

        def begin(kind: type[Any]) -> Any:
            work = kind(ApiClient())
            monkeypatch.setattr(gateway, "embed", work.asked)
            held.enter_context(scripted_model([work.asked] * 9))
            return work

        yield begin


WORLDLY = [Docs, Jobs, Responses]
ALL = [*WORLDLY, Slices, Searches]


def finish(work: Work) -> None:
    """Some more attempts, with nothing in their way."""
    for _ in range(3):
        work.pass_time()
        work.do()
        if work.is_done():
            return
    raise AssertionError(f"not done: {work.counted()}")


@pytest.mark.parametrize("kind", WORLDLY)
def test_work_waits_for_a_database_that_is_away(make: Any, kind: type[Work]) -> None:
    work = make(kind)
    with ExitStack() as away:
        work.midway = lambda: away.enter_context(database_away())
        with when_noticed(away.close):
            work.do()
    assert (work.is_done(), work.counted()) == (False, 0)
    finish(work)


@pytest.mark.parametrize("kind", ALL)
def test_what_takes_too_long_is_the_failure_of_the_work(make: Any, kind: type[Work]) -> None:
    work = make(kind)
    with locked(work.other):
        for attempt in (1, 2):
            work.do()
            assert (work.is_done(), work.counted()) == (False, attempt)
            work.pass_time()
    finish(work)


@pytest.mark.parametrize("kind", WORLDLY)
def test_work_waits_for_a_database_that_is_overloaded(make: Any, kind: type[Work]) -> None:
    work = make(kind)
    with ExitStack() as overloaded:
        work.midway = lambda: overloaded.enter_context(locked(work.row, work.other))
        with when_noticed(overloaded.close):
            work.do()
    assert (work.is_done(), work.counted()) == (False, 0)
    finish(work)
