"""Vector indexes: built beside reads and writes, used for large owners, with the same results."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.conf import settings as server
from django.db import connection

from agents.models import Agent, Developer, Project
from docs_store import vector_index
from docs_store.models import Chunk, Doc, Embedding, EmbeddingModel
from docs_store.owners import Owner
from docs_store.search import parse_search, search, vector
from docs_store.vector_index import index_name, is_indexed
from tests.api_client import ApiClient

Store = Callable[..., str]

MODEL = 'it\'s/a "model"'


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """As if a few vectors were many."""
    settings.EMBEDDING_MODEL = MODEL
    settings.EMBEDDING_DIMENSIONS = 8
    monkeypatch.setattr(vector_index, "WORTH_AN_INDEX", 100)
    monkeypatch.setattr(vector, "EXACT_VECTORS", 100)


def _fill(
    developer: Developer,
    agent: str,
    count: int,
    *,
    model: str = MODEL,
    size: int = 8,
    metadata: Any = None,
    near: Any = None,
) -> Any:
    """Docs of one chunk each with random vectors, `near` one if it is given; the vectors, by doc."""
    EmbeddingModel.objects.get_or_create(name=model, defaults={"dimensions": size})
    vectors = np.random.default_rng(count).normal(size=(count, size)).astype(np.float32)
    if near is not None:
        vectors = (near + vectors / 1000).astype(np.float32)
    known = {}
    for number, values in enumerate(vectors):
        doc = Doc.objects.create(
            developer=developer, agent_id=agent, title=str(number), content_hash=uuid4().hex,
            metadata=metadata or {},
        )  # fmt: skip
        copied = {"developer": developer, "agent_id": agent, "doc": doc}
        chunk = Chunk.objects.create(**copied, index=0, content="c", search="")
        Embedding.objects.create(**copied, chunk=chunk, model=model, vector=values)
        known[doc.pk] = values
    connection.check_constraints()  # an index cannot be built while checks are outstanding
    return known


def _nearest(known: Any, wanted: Any, count: int) -> list[UUID]:
    def distance(doc: UUID) -> float:
        return float(-known[doc] @ wanted / np.linalg.norm(known[doc]))

    return sorted(known, key=distance)[:count]


class IndexWatch:
    """Checks that the plan of every statement that orders by rounded vectors takes the index of the model in use.

    `exact` counts the statements that compare all vectors.
    """

    def __init__(self) -> None:
        self.statements = self.exact = 0

    def __call__(self, execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        if "halfvec" in str(statement) and "EXPLAIN" not in str(statement):
            self.statements += 1
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {statement}", params)
                plan = "\n".join(row[0] for row in cursor.fetchall())
            assert index_name(server.EMBEDDING_MODEL) in plan, plan
        elif "<=>" in str(statement) and "halfvec" not in str(statement):
            self.exact += 1
        return execute(statement, params, many, context)


def _search(developer: Developer, agent: str, wanted: Any, **body: Any) -> tuple[list[Any], int]:
    """What is found, and how many statements took the index."""
    query = parse_search({"vector": wanted.tolist(), "confidence": -1, "mmr_strength": 0, **body})
    watch = IndexWatch()
    with connection.execute_wrapper(watch):
        found = search(developer, [Owner("agent", UUID(agent))], query)
    assert [each.distance for each in found] == sorted(each.distance for each in found)
    return [each.chunk.doc_id for each in found], watch.statements


def test_large_owners_are_searched_by_index(api: ApiClient, agent: str, developer: Developer, small: None) -> None:
    known = _fill(developer, agent, 150)
    other = api.post("/agents", {"name": "other"}).json()["id"]
    theirs = _fill(developer, other, 60)
    assert vector_index.build_indexes() == [MODEL]
    assert vector_index.build_indexes() == []
    for number in range(5):
        wanted = np.random.default_rng(1000 + number).normal(size=8)
        assert _search(developer, agent, wanted) == (_nearest(known, wanted, 10), 1)
        assert _search(developer, other, wanted) == (_nearest(theirs, wanted, 10), 0)


def test_a_filter_that_leaves_few_is_exact(agent: str, developer: Developer, small: None) -> None:
    _fill(developer, agent, 150)
    rare = _fill(developer, agent, 12, metadata={"rare": True})
    vector_index.build_indexes()
    wanted = np.random.default_rng(1).normal(size=8)
    found = _search(developer, agent, wanted, metadata_filter={"rare": True})
    assert found == (_nearest(rare, wanted, 10), 0)


def test_an_index_that_runs_dry_is_not_trusted(
    agent: str, developer: Developer, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _fill(developer, agent, 150)
    vector_index.build_indexes()
    monkeypatch.setattr(
        vector, "_INDEX_SETTINGS", {"hnsw.iterative_scan": "off", "hnsw.ef_search": "5", "enable_sort": "off"}
    )
    wanted = np.random.default_rng(1).normal(size=8)
    assert _search(developer, agent, wanted) == (_nearest(known, wanted, 10), 1)


def test_nearer_vectors_of_other_tenants_take_no_places(
    agent: str, developer: Developer, stranger: Developer, small: None
) -> None:
    """The index is read on until there are enough vectors of the owner; all of them are not compared instead."""
    wanted = np.random.default_rng(1).normal(size=8)
    known = _fill(developer, agent, 150)
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    theirs = Agent.objects.create(developer=stranger, project=project, name="theirs", canonical_name="theirs")
    _fill(stranger, str(theirs.pk), 300, near=wanted)
    vector_index.build_indexes()
    watch = IndexWatch()
    with connection.execute_wrapper(watch):
        found, _ = _search(developer, agent, wanted)
    assert (found, watch.exact) == (_nearest(known, wanted, 10), 0)


def test_each_model_has_an_index_that_works(agent: str, developer: Developer, small: None, settings: Any) -> None:
    by_model = {MODEL: _fill(developer, agent, 150), "other": _fill(developer, agent, 130, model="other", size=5)}
    assert sorted(vector_index.build_indexes()) == sorted(by_model)
    for model, known in by_model.items():
        settings.EMBEDDING_MODEL = model
        wanted = np.random.default_rng(1).normal(size=len(next(iter(known.values()))))
        assert _search(developer, agent, wanted) == (_nearest(known, wanted, 10), 1)


def test_without_an_index_large_owners_are_searched_too(agent: str, developer: Developer, small: None) -> None:
    known = _fill(developer, agent, 150)
    wanted = np.random.default_rng(1).normal(size=8)
    query = parse_search({"vector": wanted.tolist(), "confidence": -1, "mmr_strength": 0})
    found = search(developer, [Owner("agent", UUID(agent))], query)
    assert [each.chunk.doc_id for each in found] == _nearest(known, wanted, 10)


def test_few_vectors_need_no_index(agent: str, developer: Developer, small: None) -> None:
    _fill(developer, agent, 99)
    assert vector_index.build_indexes() == []
    assert is_indexed(MODEL) is None


@pytest.mark.django_db(transaction=True)
def test_it_is_built_beside_writes_and_mended(
    api: ApiClient, agent: str, developer: Developer, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(developer, agent, 100)
    _fill(developer, agent, 3, model="short")
    try:
        vector_index.build_indexes()
        assert (is_indexed(MODEL), is_indexed("short")) == (True, None)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [index_name(MODEL)]
            )
        assert is_indexed(MODEL) is False
        assert vector_index.build_indexes() == [MODEL]
        assert is_indexed(MODEL) is True
    finally:
        vector_index.drop_index(MODEL)
    assert is_indexed(MODEL) is None
