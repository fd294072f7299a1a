"""Searches in many chunks of generated text with generated vectors: how long they take, and what the index misses."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray

from agents.models import Agent, Developer
from agents.services import AgentServices
from docs_store import vector_index
from docs_store.models import EmbeddingModel
from docs_store.search import Owner, SearchQuery, search
from docs_store.search.indexing import VERSION
from docs_store.vectors import HEADER
from julep_project.bench import programs
from julep_project.bench.table import Row, at_ranks, seconds_of
from julep_project.core.database import execute, fetch
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import tenant_scope

DIMENSIONS = 1024
OWNERS = 100
# One owner has this share of all chunks and is searched by index; the others share the rest and are searched exactly.
LARGE_SHARE = 0.2
CHUNKS_PER_DOC = 4
WANTED = 10

_CLUSTERS = 500
_SPREAD = 0.9
_WORDS = 20_000
_WORDS_PER_CHUNK = 60
# As many as English has: the most frequent words of a text are not searched for.
_STOP_WORDS = 127
_EVERYWHERE = "word1 word2"
_AT_ONCE = 2000
_AIM_MS = "p95 at most 40 ms"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Library:
    """What was generated: whose each doc is, and the vectors, chunk by chunk."""

    developer: Developer
    owners: list[UUID]
    owner_of_doc: NDArray[np.int32]
    docs: list[UUID]
    vectors: Floats
    random: np.random.Generator

    def query_vector(self, owner: int) -> Floats:
        chunks = np.flatnonzero(np.repeat(self.owner_of_doc == owner, CHUNKS_PER_DOC))
        chosen: Floats = self.vectors[int(self.random.choice(chunks))]
        return _unit(chosen + _noise(self.random, 1)[0] * 0.5)

    def query_text(self) -> str:
        """Two words that some chunks have, none as frequent as those a language's stop words take the place of."""
        drawn = _drawn(self.random, 1)[0]
        return " ".join(f"word{number}" for number in drawn[drawn > _STOP_WORDS][:2])

    def nearest_docs(self, owner: int, vector: Floats) -> set[UUID]:
        docs = np.flatnonzero(self.owner_of_doc == owner)
        chunks = docs[:, None] * CHUNKS_PER_DOC + np.arange(CHUNKS_PER_DOC)
        best = (self.vectors[chunks] @ vector).max(axis=1)
        return {self.docs[docs[place]] for place in np.argsort(-best)[:WANTED]}


def measure(chunks: int, searches: int) -> list[Row]:
    """Load so many chunks, build the index, and search in every mode."""
    began = time.perf_counter()
    library = _generated(chunks)
    note = f"made up in {time.perf_counter() - began:.0f} s"
    what = f"{chunks:,} chunks"
    rows = [
        Row("h", f"{what}: load rows and words", seconds_of(lambda: _load(library)), "s", note=note),
        Row("h", f"{what}: build the vector index", seconds_of(_build_index), "s"),
    ]
    for name, owners in (("small owners, exact", range(1, OWNERS)), ("large owner, by index", range(1))):
        rows += _searches(library, name, list(owners), searches)
    return rows


def _searches(library: Library, name: str, owners: list[int], count: int) -> Iterator[Row]:
    chosen = [int(owner) for owner in library.random.choice(owners, size=count)]
    vectors = [library.query_vector(owner) for owner in chosen]
    texts = [library.query_text() for _ in chosen]
    modes: dict[str, Callable[[int], SearchQuery]] = {
        "text": lambda place: SearchQuery(text=texts[place]),
        "text of every chunk,": lambda _: SearchQuery(text=_EVERYWHERE),
        "vector": lambda place: SearchQuery(vector=vectors[place]),
        "hybrid": lambda place: SearchQuery(text=texts[place], vector=vectors[place]),
    }
    for mode, make in modes.items():
        taken_ms = []
        for place, owner in enumerate(chosen):
            find = partial(search, library.developer, [Owner("agent", library.owners[owner])], make(place))
            # As requests of the developer do, over the rows that the database shows them.
            with tenant_scope(library.developer.pk):
                taken_ms.append(seconds_of(find) * 1e3)
        yield from at_ranks("h", f"{mode} search, {name}:", taken_ms, {50: "", 95: _AIM_MS})
    yield Row("h", f"recall@{WANTED}, {name}", _recall(library, chosen, vectors), "", aim="at least 0.95")


def _recall(library: Library, owners: list[int], vectors: list[Floats]) -> float:
    shares = []
    for owner, vector in zip(owners, vectors, strict=True):
        query = SearchQuery(vector=vector, limit=WANTED, confidence=-1, mmr_strength=0, include_embeddings=False)
        found = search(library.developer, [Owner("agent", library.owners[owner])], query)
        wanted = library.nearest_docs(owner, vector)
        shares.append(len(wanted & {each.chunk.doc_id for each in found}) / len(wanted))
    return float(np.mean(shares))


def _generated(chunks: int) -> Library:
    random = np.random.default_rng(42)
    docs = chunks // CHUNKS_PER_DOC
    large = int(docs * LARGE_SHARE)
    owner_of_doc = np.concatenate([np.zeros(large), 1 + np.arange(docs - large) % (OWNERS - 1)]).astype(np.int32)
    random.shuffle(owner_of_doc)
    centres = _noise(random, _CLUSTERS)
    vectors = np.empty((docs * CHUNKS_PER_DOC, DIMENSIONS), dtype=np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        part[:] = _unit(centres[random.integers(_CLUSTERS, size=len(part))] + _SPREAD * _noise(random, len(part)))
    developer = programs.own_developer()
    agents: list[Agent] = [
        AgentServices().create(developer=developer, values={"name": f"library {number}"}) for number in range(OWNERS)
    ]
    return Library(
        developer=developer,
        owners=[agent.pk for agent in agents],
        owner_of_doc=owner_of_doc,
        docs=[uuid7() for _ in range(docs)],
        vectors=vectors,
        random=random,
    )


def _noise(random: np.random.Generator, count: int) -> Floats:
    """Directions of length 1 or so."""
    drawn: Floats = random.standard_normal((count, DIMENSIONS), dtype=np.float32) / np.float32(DIMENSIONS**0.5)
    return drawn


def _unit(vectors: Floats) -> Floats:
    units: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units


def _text(random: np.random.Generator, count: int) -> list[str]:
    """Made-up words, few of them frequent, as in any language."""
    return [" ".join(f"word{number}" for number in row) for row in _drawn(random, count)]


def _drawn(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    return np.minimum(random.zipf(1.3, size=(count, _WORDS_PER_CHUNK)), _WORDS)


def _load(library: Library) -> None:
    """Straight into the tables, as a restore would."""
    model = settings.EMBEDDING_MODEL
    EmbeddingModel.objects.update_or_create(name=model, defaults={"dimensions": DIMENSIONS})
    with transaction.atomic():
        _load_docs(library)
        chunk_ids = _load_chunks(library)
        _load_vectors(library, chunk_ids, model)
        execute(
            "INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error) "
            "SELECT id, %s, 'ready', 0, '' FROM docs_store_doc ON CONFLICT DO NOTHING",
            [model],
        )
    for table in ("doc", "chunk", "embedding", "docembedding"):
        execute(f"ANALYZE docs_store_{table}")


def _load_docs(library: Library) -> None:
    with _copied("docs_store_doc (id, developer_id, agent_id, title, metadata, content_hash)") as copy:
        for doc, owner in zip(library.docs, library.owner_of_doc, strict=True):
            copy.write_row((doc, library.developer.pk, library.owners[owner], f"doc {doc}", "{}", doc.hex))


def _load_chunks(library: Library) -> dict[tuple[UUID, int], int]:
    """The chunks' ids by doc and index."""
    execute("CREATE TEMPORARY TABLE made (doc_id uuid, index int, content text) ON COMMIT DROP")
    with _copied("made") as copy:
        for doc in library.docs:
            for index, text in enumerate(_text(library.random, CHUNKS_PER_DOC)):
                copy.write_row((doc, index, text))
    made = fetch(
        "INSERT INTO docs_store_chunk (developer_id, agent_id, doc_id, index, content, search, search_version) "
        "SELECT d.developer_id, d.agent_id, d.id, m.index, m.content, to_tsvector('english', m.content), %s "
        "FROM made m JOIN docs_store_doc d ON d.id = m.doc_id RETURNING doc_id, index, id",
        [VERSION],
    )
    return {(doc, index): chunk for doc, index, chunk in made}


def _load_vectors(library: Library, chunk_ids: dict[tuple[UUID, int], int], model: str) -> None:
    columns = "developer_id, agent_id, doc_id, chunk_id, model, vector"
    with _copied(f"docs_store_embedding ({columns})", binary="uuid uuid uuid int8 varchar bytea") as copy:
        for place, values in enumerate(library.vectors):
            number, index = divmod(place, CHUNKS_PER_DOC)
            doc, owner = library.docs[number], library.owners[library.owner_of_doc[number]]
            sent = HEADER.pack(DIMENSIONS, 0) + values.astype(">f4").tobytes()
            copy.write_row((library.developer.pk, owner, doc, chunk_ids[doc, index], model, sent))


@contextmanager
def _copied(target: str, *, binary: str = "") -> Iterator[Any]:
    """A COPY into a table; `binary` names the types of its columns."""
    connection.ensure_connection()
    statement = f"COPY {target} FROM STDIN {'BINARY' if binary else ''}"
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        if binary:
            copy.set_types(binary.split())
        yield copy


def _build_index() -> None:
    """Or wait for somebody who builds it."""
    vector_index.build_indexes()
    while not vector_index.is_indexed(settings.EMBEDDING_MODEL):
        time.sleep(0.2)
