"""A tenant that has one file does not wait for another one's hundreds."""

from collections import deque
from typing import Any
from uuid import UUID

import pytest

from agents.models import Agent
from docs_store import celery_tasks
from docs_store.ingestion import jobs, working
from docs_store.ingestion.jobs import INGESTIONS
from docs_store.models import Ingestion
from julep_project.core.jobs.rows import JobState
from julep_project.core.work import rings
from tests.work import kinds
from tests.work.clock import pass_time

Queue = deque[str]


@pytest.fixture
def queue(db: None, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The messages on their way, in the order workers take them."""
    waiting: Queue = deque()
    monkeypatch.setattr(rings, "ring", lambda task, job_id: waiting.append(str(job_id)))
    return waiting


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Whose files were read, one after the other; each is read in one turn."""
    turns: list[UUID] = []

    def work(job: Any) -> None:
        turns.append(job.row.developer_id)
        job.end(JobState.SUCCEEDED)

    monkeypatch.setattr(working, "_work", work)
    return turns


def many(agent: Agent, count: int) -> None:
    row = {"developer_id": agent.developer_id, "content_id": agent.pk, "size": 1, "is_upload": False, "name": jobs.NAME}
    Ingestion.objects.bulk_create(Ingestion(**row) for _ in range(count))


def deliver(queue: Queue, most: int) -> None:
    for _ in range(most):
        celery_tasks.ingest_file(queue.popleft())


@pytest.mark.parametrize("is_new", [True, False], ids=["stored meanwhile", "found by a sweep"])
def test_one_file_beside_two_hundred(queue: Queue, read: list[UUID], is_new: bool) -> None:
    much, little = kinds.tenant("much"), kinds.tenant("little")
    many(much, 200)
    pass_time(Ingestion, 60)
    for _ in range(5):
        INGESTIONS.queued.ring_due()
    assert len(queue) == jobs.LANES

    many(little, 1)
    if is_new:
        single = Ingestion.objects.get(developer=little.developer_id)
        assert INGESTIONS.queued.add(single.pk, single.developer_id)
        queue.append(str(single.pk))
    else:
        INGESTIONS.queued.ring_due()
    while little.developer_id not in read:
        deliver(queue, 1)
    assert len(read) <= jobs.LANES + 1
    deliver(queue, 10)
    assert len(read) > 10 and len(queue) == jobs.LANES, "a turn that ends is followed by another"


def test_who_found_no_place_is_next(queue: Queue, read: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of the single file comes while all places are taken: it goes before all but the first files."""
    much, little = kinds.tenant("much"), kinds.tenant("little")
    many(much, 50)
    INGESTIONS.queued.ring_due()
    many(little, 1)
    single = str(Ingestion.objects.get(developer=little.developer_id).pk)
    monkeypatch.setattr(working, "_PATIENCE_S", 0.0)
    taken = [working._places().acquire(blocking=False) for _ in range(10)]
    celery_tasks.ingest_file(single)
    for _ in filter(None, taken):
        working._places().release()
    assert read == [] and single not in queue
    while little.developer_id not in read:
        deliver(queue, 1)
    assert len(read) <= jobs.LANES + 1
