"""Docs under concurrent requests and workers, on real rows."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from agents.models import Developer
from docs_store import model_coverage
from docs_store.embedding import embed_due
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding
from docs_store.owners import Owner
from docs_store.services import create_doc, delete_docs
from tests.docs_store.known_vectors import KnownVectors
from tests.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def _store(developer: Developer, agent: str, title: str) -> Doc:
    owner = Owner("agent", UUID(agent))
    values = {"title": title, "content": ["a", "b"], "metadata": {title: True}}
    return create_doc(developer=developer, owner=owner, values=values)


def test_the_same_doc_at_the_same_time(developer: Developer, agent: str, model: KnownVectors) -> None:
    def store() -> str:
        try:
            _store(developer, agent, "same")
        except IntegrityError:
            return "refused"
        return "stored"

    assert sorted(together(*[store] * 4)) == ["refused"] * 3 + ["stored"]
    assert (Doc.objects.count(), Chunk.objects.count(), DocEmbedding.objects.count()) == (1, 2, 1)


def test_workers_share_the_work(developer: Developer, agent: str, model: KnownVectors) -> None:
    for number in range(40):
        _store(developer, agent, str(number))
    claimed = together(*[embed_due] * 4)
    assert sum(claimed) == 40
    assert sum(len(texts) for _, texts in model.calls) == Embedding.objects.count() == 80
    assert set(DocEmbedding.objects.values_list("state", "attempts")) == {("ready", 1)}


def test_a_doc_may_be_deleted_while_its_vectors_are_written(
    developer: Developer, agent: str, model: KnownVectors
) -> None:
    doc = _store(developer, agent, "going")
    _store(developer, agent, "staying")
    is_writing = threading.Event()

    def before_writing(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        if statement.startswith('INSERT INTO "docs_store_embedding"'):
            is_writing.set()
            _wait_until_somebody_waits_for_a_lock()
        return execute(statement, params, many, context)

    def embed() -> int:
        with connection.execute_wrapper(before_writing):
            return embed_due()

    def delete() -> list[UUID]:
        assert is_writing.wait(10)
        owner = Owner("agent", UUID(agent))
        return delete_docs(developer=developer, owner=owner, values={"metadata_filter": {"going": True}})

    assert together(embed, delete) == [2, [doc.pk]]
    assert (Doc.objects.count(), Chunk.objects.count(), Embedding.objects.count()) == (1, 2, 2)
    assert DocEmbedding.objects.get().state == "ready"


def _wait_until_somebody_waits_for_a_lock() -> None:
    deadline = time.monotonic() + 10
    waiting = 0
    while not waiting and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            waiting = cursor.fetchone()[0]
    assert waiting


def test_no_doc_is_missed_when_a_model_is_added(developer: Developer, agent: str, model: KnownVectors) -> None:
    model_coverage.register_model("other")

    def cover() -> None:
        while not model_coverage.cover_model("other"):
            pass

    jobs = [lambda name=f"doc {number}": _store(developer, agent, name) for number in range(3)]
    together(cover, *jobs)
    assert DocEmbedding.objects.filter(model="other").count() == 3
