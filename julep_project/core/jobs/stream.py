"""The stream of a job: how it stands, whenever that has changed, until it has ended."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from uuid import UUID

from julep_project.core.database import run_query
from julep_project.core.errors import NotFound
from julep_project.core.jobs.kind import find_job, job_to_wire, topic
from julep_project.core.jobs.rows import JobRow
from julep_project.core.live.events import HUB
from julep_project.core.live.sse import encode_event
from julep_project.core.work.draining import is_draining

# Events arrive over Redis; this is how late a stream may be while Redis is away.
_POLL_S = 2.0


async def stream_job(developer: Any, job_id: UUID) -> AsyncGenerator[bytes, None]:
    """The job as `GET /jobs/{id}` shows it, now and after every change; ends with its end, or when it is gone."""
    sent: dict[str, Any] | None = None
    with HUB.listening(topic(job_id)) as listener:
        while True:
            job = await run_query(lambda: _found(developer, job_id))
            if job is None:
                return
            shown = job_to_wire(job)
            if shown != sent:
                sent = shown
                yield encode_event(shown)
            if is_draining() or not job.is_open:
                return
            await listener.wait(_POLL_S)


def _found(developer: Any, job_id: UUID) -> JobRow | None:
    with suppress(NotFound):
        return find_job(developer, job_id)
    return None
