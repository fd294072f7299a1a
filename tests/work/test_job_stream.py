"""The stream of a job. It reads the database on connections of its own, so rows are committed here."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient

from agents.models import Developer
from julep_project.core.jobs.kind import ClaimedJob
from julep_project.core.jobs.rows import JobState
from julep_project.core.live.events import HUB
from sessions.models import Job, Session
from sessions.shortening import jobs
from tests.api_client import API_KEY

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY


def job_of(developer: Developer) -> Job:
    return Job.objects.create(
        developer=developer,
        session=Session.objects.create(developer=developer),
        name=jobs.SHORTEN_HISTORY,
        through_seq=0,
        model="offline/echo",
        budget=1000,
        urgent=False,
    )


def claimed(job: Job) -> ClaimedJob[Job]:
    found = jobs.claim_job(job.pk)
    assert found is not None
    return found


def stream(job_id: Any, *after_each: Callable[[], Any], key: str = API_KEY) -> Any:
    """The answer and its events; what is to happen after the first event, the second and so on."""

    async def read() -> Any:
        client = AsyncClient(raise_request_exception=False)
        response: Any = await client.get(f"/jobs/{job_id}/status.stream", headers={"Authorization": f"Bearer {key}"})
        events: list[Any] = []
        if not response.streaming:
            return response, events
        then = list(after_each)
        async for piece in response.streaming_content:
            if piece.startswith(b":"):
                continue
            assert piece.startswith(b"data: ") and piece.endswith(b"\n\n"), piece
            events.append(json.loads(piece[6:]))
            if then:
                await sync_to_async(then.pop(0))()
        return response, events

    return async_to_sync(read)()


def test_every_change_is_told_and_the_end_is_the_last(developer: Developer) -> None:
    job = job_of(developer)
    held: list[ClaimedJob[Job]] = []
    response, events = stream(
        job.pk,
        lambda: held.append(claimed(job)),
        lambda: held[0].report(0.25),
        lambda: held[0].end(JobState.SUCCEEDED, "done"),
    )
    assert response.headers["Content-Type"] == "text/event-stream"
    assert [(event["state"], event["progress"]) for event in events] == [
        ("pending", 0),
        ("in_progress", 0),
        ("in_progress", 25),
        ("succeeded", 100),
    ]
    assert {event["id"] for event in events} == {str(job.pk)}
    assert events[-1]["reason"] == "done"


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.ABORTED])
def test_a_job_that_has_ended_is_told_once(developer: Developer, state: JobState) -> None:
    job = job_of(developer)
    claimed(job).end(state)
    assert [event["state"] for event in stream(job.pk)[1]] == [state]


def test_a_job_that_goes_ends_its_stream(developer: Developer) -> None:
    job = job_of(developer)
    _, events = stream(job.pk, lambda: (job.delete(), HUB.wake(None)))
    assert [event["state"] for event in events] == ["pending"]


def test_a_foreign_job_is_like_a_missing_one(stranger: Developer) -> None:
    for job_id in (MISSING, job_of(stranger).pk):
        response, _ = stream(job_id)
        assert (response.status_code, response.json()["error"]["message"]) == (404, "Job not found")


def test_strangers_and_ids_that_are_none(developer: Developer) -> None:
    assert stream(job_of(developer).pk, key="wrong")[0].status_code == 403
    assert stream("nonsense")[0].status_code == 422
