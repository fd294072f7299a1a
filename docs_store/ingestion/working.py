"""Carries out the jobs: has the file read in a process of its own, and stores what that says.

It may be called any number of times, at any time. Nothing is held while the file is read but the job's lease. A worker
that dies leaves a lease that runs out; whoever comes next goes on where it had stored last.
"""

import logging
import time
from collections import deque
from functools import partial
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError

from docs_store.extraction import errors
from docs_store.extraction.errors import FileProblem
from docs_store.extraction.limits import CHARACTERS_PER_TOKEN, CHUNKS_PER_MESSAGE
from docs_store.extraction.messages import Order
from docs_store.extraction.process import FileReader, NoReader, ReaderEnded, ReaderNotBegun
from docs_store.files import services as files
from docs_store.ingestion import jobs
from docs_store.ingestion.jobs import INGESTIONS, Job, JobLost
from docs_store.ingestion.progress import MOST_CHUNKS, DocRemoved, Progress, too_much
from julep_project.core.database import give_connection_back
from julep_project.core.errors import ContentMissing, ServiceUnavailable
from julep_project.core.jobs.rows import JobState
from julep_project.core.outages import PAUSES, is_waited_out, when_back
from julep_project.core.process.once import Once
from julep_project.core.reading.outside_json import Bounds, check_json
from julep_project.core.storage_errors import took_too_long
from julep_project.core.tenancy import tenant_scope
from julep_project.core.work.draining import is_draining

log = logging.getLogger(__name__)

# A chunk is an object with another in it.
_MESSAGE = Bounds(depth=8, containers=3 * CHUNKS_PER_MESSAGE, elements=12 * CHUNKS_PER_MESSAGE)
# How long one message reads before others get their turn, and how often what is read is stored.
_TURN_S = 30.0
_STORED_EVERY_S = 1.0
# A message that finds all processes taken waits for so long; then another is sent when one is free, or by a sweep.
_PATIENCE_S = 2.0
_turned_away: deque[UUID] = deque(maxlen=1000)


@Once
def _places() -> BoundedSemaphore:
    """Files that are read at once by this process."""
    return BoundedSemaphore(settings.EXTRACTION_PROCESSES)


def check_message(line: bytes) -> None:
    """Refuse what no process that reads a file says, before anything is made of it.

    Raises:
        TooMuchJson
    """
    check_json(line, _MESSAGE)


def ingest_file(job_id: UUID) -> None:
    """Read the file of a job, or some of it: of the job that its tenant began first, so that files are ready in the
    order they came in, and not all at the end. Who found no place comes before the next file of that tenant."""
    if not _places().acquire(timeout=_PATIENCE_S):
        _turned_away.append(job_id)
        return
    job = None
    try:
        first = INGESTIONS.queued.first_beside(job_id)
        job = (INGESTIONS.claim(first) if first else None) or INGESTIONS.claim(job_id)
        if job is not None:
            with INGESTIONS.leases.holding(job.held), tenant_scope(job.row.developer_id):
                _work(job)
    finally:
        _places().release()
        _ring_turned_away()
    if job is not None:
        INGESTIONS.queued.ring_next(job.row.developer_id)


def _ring_turned_away() -> None:
    """Send another message in place of the first that found no place in this process."""
    try:
        job_id = _turned_away.popleft()
    except IndexError:
        return
    INGESTIONS.queued.ring(job_id)


def _work(job: Job) -> None:
    """What goes wrong here says nothing of the file, or ends the job."""
    try:
        _read(job)
    except JobLost:
        log.info("a file is read by somebody else", extra={"job_id": job.row.pk})
    except (ServiceUnavailable, NoReader) as error:
        log.warning("a file cannot be read now", extra={"job_id": job.row.pk, "reason": repr(error)})
        job.wait(PAUSES.pause_s(1), counted=False)
    except ReaderNotBegun:
        log.exception("the program that reads files does not begin", extra={"job_id": job.row.pk})
        job.wait(PAUSES.pause_s(job.held.attempt), counted=True)
    except DatabaseError as error:
        waits = is_waited_out(error, partial(INGESTIONS.leases.renew, [job.held]))
        if not waits and not took_too_long(error):
            raise
        when_back(partial(job.wait, PAUSES.pause_s(1), counted=not waits))


def _read(job: Job) -> None:
    try:
        with TemporaryFile() as content:
            _fetch(job, content)
            _Reading(job, content).go_on()
    except FileProblem as problem:
        jobs.fail(job, problem.code, problem.message)
    except ContentMissing:
        jobs.fail(job, errors.MISSING, "The file was removed before it was read")
    except DocRemoved:
        jobs.abort(job)


def _fetch(job: Job, content: IO[bytes]) -> None:
    if job.row.doc_id is None:
        raise DocRemoved
    give_connection_back()
    content.write(files.read_content(job.row.developer_id, job.row.content_id, job.row.size))
    content.flush()


class _Reading:
    """One turn at a file."""

    def __init__(self, job: Job, content: IO[bytes]) -> None:
        self._job = job
        self._content = content
        self._progress = Progress.of(job)
        self._until = time.monotonic() + _TURN_S
        self._heard_at = time.monotonic()
        self._stored_at = time.monotonic()
        # The part that is being read, and its page.
        self._current: tuple[int, int | None] | None = None

    def go_on(self) -> None:
        """Read on to the end of the file or of the turn. A part that ends the process is passed over by the next one;
        where somebody else ended it, that part is read once more before.

        Raises:
            FileProblem, DocRemoved, JobLost, NoReader, ReaderNotBegun
        """
        is_over = False
        forgiven = -1
        while not is_over:
            try:
                with FileReader(self._content, self._order(), check_message) as reader:
                    is_over = self._listen(reader)
            except ReaderEnded as ended:
                if ended.from_outside and forgiven < self._progress.parts_read:
                    forgiven = self._progress.parts_read
                    self._count_time()
                else:
                    self._blame(ended)

    def _order(self) -> Order:
        return Order(
            suffix=self._job.row.suffix,
            mime_type=self._job.row.mime_type,
            start=self._progress.parts_read,
            avoid=self._progress.deadly,
            memory_mb=settings.EXTRACTION_MEMORY_MB,
            cpu_seconds=settings.EXTRACTION_CPU_SECONDS,
            **self._chunking(),
        )

    def _chunking(self) -> dict[str, int]:
        row = self._job.row
        if row.chunk_tokens is None:
            return {}
        overlap = (row.overlap_tokens or 0) * CHARACTERS_PER_TOKEN
        return {"chunk_characters": row.chunk_tokens * CHARACTERS_PER_TOKEN, "overlap_characters": overlap}

    def _listen(self, reader: FileReader) -> bool:
        """Store what is said. True: there is no more to do now."""
        self._current = None
        chunks: list[dict[str, Any]] = []
        for message in reader.messages():
            self._count_time()
            if message["say"] == "failed":
                raise FileProblem(message["code"], message["message"])
            if message["say"] == "opened":
                self._progress.parts_total = message["count"]
            elif message["say"] == "beginning":
                self._current = (message["part"], message["page"])
            elif message["say"] == "ended":
                self._finish()
                return True
            elif message["say"] == "some":
                # A part is stored as a whole, or not at all.
                chunks += message["chunks"]
                if len(chunks) > MOST_CHUNKS:
                    raise too_much()
            else:
                self._current = None
                self._progress.add({**message, "chunks": chunks + message.get("chunks", [])})
                chunks = []
                if self._is_turn_over():
                    return True
        return True

    def _is_turn_over(self) -> bool:
        now = time.monotonic()
        if self._progress.is_large or now - self._stored_at > _STORED_EVERY_S:
            self._store()
            if now > self._until or is_draining():
                # It stays before the files that its tenant sent later.
                self._job.wait(0, counted=False, state=JobState.IN_PROGRESS, due_at=self._job.row.created_at)
                return True
        return False

    def _store(self) -> None:
        self._progress.store()
        give_connection_back()
        self._stored_at = time.monotonic()

    def _finish(self) -> None:
        self._store()
        read, broken = self._progress.chunk_count, self._progress.broken_count
        if not read and broken:
            raise FileProblem(errors.DAMAGED, "No page of the file can be read")
        if not read:
            raise FileProblem(errors.NO_TEXT, "The file holds no text; if it is a scan, it has to be recognised before")
        jobs.succeed(self._job, f"{broken} of its parts cannot be read" if broken else "the file is read")

    def _blame(self, ended: ReaderEnded) -> None:
        """Whatever was read when the process ended, or else the file."""
        self._count_time()
        code = errors.TOO_SLOW if ended.took_too_long else errors.DAMAGED
        if self._current is None:
            why = "takes too long to read" if ended.took_too_long else "ended the process that read it"
            raise FileProblem(code, f"The file {why}")
        part, page = self._current
        self._progress.blame(part, page, code)
        self._store()

    def _count_time(self) -> None:
        now = time.monotonic()
        self._progress.seconds += now - self._heard_at
        self._heard_at = now
        if self._progress.seconds > settings.EXTRACTION_SECONDS:
            raise FileProblem(errors.TOO_SLOW, f"The file takes longer to read than {settings.EXTRACTION_SECONDS} s")
