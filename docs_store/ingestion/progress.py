"""How far a file is read, and what of it is stored: both change in one transaction."""

from dataclasses import dataclass, field
from typing import Any, Self

from django.db import transaction

from docs_store import services
from docs_store.extraction.errors import FileProblem, too_large
from docs_store.ingestion.jobs import Job, JobLost, locked_doc
from docs_store.models import Ingestion

# What a doc may hold that a client sends at once.
MOST_CHUNKS = 10_000
MOST_TEXT_BYTES = 16 * 1024 * 1024
# A file that ends so many processes is not worth more.
MOST_DEADLY = 20
_MOST_BROKEN_TOLD = 100
# How far a file is of which nobody knows how much text it has.
_NEARLY = 0.95


def too_much() -> FileProblem:
    """The file is more than a doc holds."""
    return too_large(f"The file holds more than {MOST_CHUNKS} chunks or {MOST_TEXT_BYTES} bytes of text")


class DocRemoved(Exception):
    """There is no doc any more to read the file into."""


@dataclass(slots=True)
class Progress:
    """What is stored of a file, and what was read since."""

    job: Job
    parts_total: int | None
    parts_read: int
    chunk_count: int
    text_bytes: int
    seconds: float
    broken: list[dict[str, Any]]
    broken_count: int
    deadly: list[int]
    texts: list[str] = field(default_factory=list)
    places: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, job: Job) -> Self:
        row: Ingestion = job.row
        return cls(
            job,
            row.parts_total,
            row.parts_read,
            row.chunk_count,
            row.text_bytes,
            row.seconds,
            list(row.broken),
            row.broken_count,
            list(row.deadly),
        )

    def add(self, message: dict[str, Any]) -> None:
        """A part was read, or cannot be.

        Raises:
            FileProblem: it is more than a doc holds.
        """
        self.parts_read = message["part"] + 1
        if message["say"] == "broken":
            self._add_broken(message)
            return
        for chunk in message["chunks"]:
            self.texts.append(chunk["text"])
            self.places.append(chunk["place"] or None)
            self.text_bytes += len(chunk["text"].encode())
        if self.chunk_count + len(self.texts) > MOST_CHUNKS or self.text_bytes > MOST_TEXT_BYTES:
            raise too_much()

    def blame(self, part: int, page: int | None, code: str) -> None:
        """A part ended the process that read it.

        Raises:
            FileProblem: there are too many of them.
        """
        self.deadly.append(part)
        told = {"part": part, "page": page, "code": code, "message": "It ended the process that read it"}
        self.add({"say": "broken", **told})
        if len(self.deadly) > MOST_DEADLY:
            raise FileProblem(code, f"More than {MOST_DEADLY} pages of the file ended the process that read them")

    def _add_broken(self, message: dict[str, Any]) -> None:
        self.broken_count += 1
        if len(self.broken) < _MOST_BROKEN_TOLD:
            told = {"page": message["page"], "code": message["code"], "message": message["message"]}
            self.broken.append({"part": message["part"] + 1, **told})

    @property
    def is_large(self) -> bool:
        """Whether it is time to store what was read."""
        return len(self.texts) >= services.CHUNKS_PER_INSERT

    def store(self) -> None:
        """Store it, and how far the file is read with it.

        Raises:
            DocRemoved, JobLost
        """
        with transaction.atomic():
            doc = locked_doc(self.job)
            if doc is None:
                raise DocRemoved
            services.add_chunks(doc, self.texts, first=self.chunk_count, places=self.places)
            if not self.job.record(self._share(), **self._columns()):
                raise JobLost
        self.chunk_count += len(self.texts)
        self.texts, self.places = [], []

    def _share(self) -> float:
        if self.parts_total:
            return min(self.parts_read / self.parts_total, 1.0)
        return min(self.text_bytes / max(self.job.row.size, 1), _NEARLY)

    def _columns(self) -> dict[str, Any]:
        return {
            "parts_total": self.parts_total,
            "parts_read": self.parts_read,
            "chunk_count": self.chunk_count + len(self.texts),
            "text_bytes": self.text_bytes,
            "seconds": self.seconds,
            "broken": self.broken,
            "broken_count": self.broken_count,
            "deadly": self.deadly,
        }
