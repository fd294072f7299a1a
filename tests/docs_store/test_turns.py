"""Tenants whose docs wait for vectors get their turns, however much one of them has stored."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from agents.models import Agent, Developer, Project
from docs_store import embedding, embedding_queue, model_coverage
from docs_store.models import Doc, DocEmbedding, EmbeddingModel
from docs_store.owners import Owner
from docs_store.services import create_doc
from julep_project.core.work import rings
from tests.docs_store.known_vectors import KnownVectors

Rung = list[UUID]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Rung:
    """Ids of docs a message was sent for."""
    sent: Rung = []
    monkeypatch.setattr(rings, "ring", lambda task, doc_id: sent.append(doc_id))
    return sent


@pytest.fixture(autouse=True)
def registered(db: None, model: KnownVectors) -> None:
    model_coverage.register_model("offline/hashing")


def tenant(name: str) -> Agent:
    """An agent of a new tenant."""
    developer = Developer.objects.create(email=f"{name}@example.com")
    project = Project.objects.create(developer=developer, name="d", canonical_name="default")
    return Agent.objects.create(developer=developer, project=project, name=name, canonical_name=name)


def waiting(agent: Agent, count: int, *, since_s: int = 60, chunks: int = 1) -> None:
    """So many docs of the agent, whose vectors have been due for that long without anybody being told."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH doc AS (
                INSERT INTO docs_store_doc (id, developer_id, agent_id, title, metadata, content_hash)
                SELECT gen_random_uuid(), %(developer)s, %(agent)s, 't', '{}', 'hash ' || n
                FROM generate_series(1, %(count)s) AS n RETURNING id
            ), chunk AS (
                INSERT INTO docs_store_chunk (developer_id, agent_id, doc_id, index, content, search)
                SELECT %(developer)s, %(agent)s, id, n, 'c', '' FROM doc, generate_series(1, %(chunks)s) AS n
            )
            INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error, due_at)
            SELECT id, 'offline/hashing', 'pending', 0, '', now() - make_interval(secs => %(since)s) FROM doc
            """,
            {"developer": agent.developer_id, "agent": agent.pk, "count": count, "since": since_s, "chunks": chunks},
        )


def rung_of(rung: Rung, agent: Agent) -> int:
    return Doc.objects.filter(pk__in=rung, agent=agent).count()


def test_a_tenant_with_much_is_rung_for_as_often_as_one_with_little(rung: Rung) -> None:
    much, some, little = tenant("much"), tenant("some"), tenant("little")
    waiting(much, 500, since_s=1000)
    waiting(some, 30)
    waiting(little, 2, since_s=1)
    assert embedding_queue.QUEUED.ring_due() == 18
    assert [rung_of(rung, agent) for agent in (much, some, little)] == [8, 8, 2]


def test_a_full_queue_is_added_little_to_and_everybody_gets_a_part(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings, "backlog", lambda queue: 5000)
    agents = [tenant(str(number)) for number in range(10)]
    for agent in agents:
        waiting(agent, 20)
    assert embedding_queue.QUEUED.ring_due() == 25
    assert {rung_of(rung, agent) for agent in agents} == {2, 3}


def test_a_tenant_has_so_many_claims_at_once(rung: Rung) -> None:
    agent, other = tenant("busy"), tenant("other")
    waiting(agent, 400)
    waiting(other, 1)
    wanted = {"developer_id": agent.developer_id, "lanes": embedding_queue.LANES}
    claims = [embedding_queue.claim(**wanted) for _ in range(9)]
    assert [claim is not None and len(claim.docs) for claim in claims] == [32] * 8 + [False]
    assert embedding_queue.QUEUED.ring_due() == rung_of(rung, other) == 1

    finished = claims[0]
    assert finished is not None
    embedding_queue.give_up(finished, "for a test")
    assert embedding_queue.claim(**wanted) is not None
    DocEmbedding.objects.filter(leads=True).update(lease_until="2020-01-01T00:00:00Z")
    assert embedding_queue.claim(**wanted) is not None, "lost workers keep no place"


def test_storing_many_docs_sends_few_messages(
    rung: Rung, developer: Developer, agent: str, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(20):
            create_doc(
                developer=developer,
                owner=Owner("agent", UUID(agent)),
                values={"title": str(number), "content": ["c"]},
            )
    assert len(rung) == embedding_queue.LANES


def test_a_message_goes_on_with_the_tenants_docs_and_then_lets_others_have_their_turn(
    rung: Rung, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, other = tenant("a"), tenant("b")
    waiting(agent, 100)
    waiting(other, 1)
    first = Doc.objects.filter(agent=agent).first()
    assert first is not None
    monkeypatch.setattr(embedding, "_TURN_S", 0.0)
    embedding.embed_in_turn(first.pk)
    ready = DocEmbedding.objects.filter(state="ready")
    assert (ready.count(), len(rung), rung_of(rung, agent)) == (32, 1, 1)

    monkeypatch.setattr(embedding, "_TURN_S", 60.0)
    embedding.embed_in_turn(rung[0])
    assert (ready.count(), len(rung)) == (100, 1)
    assert not ready.filter(developer=other.developer_id).exists()


def test_docs_that_were_passed_over_are_found_in_the_end(developer: Developer, agent: str) -> None:
    for number in range(3):
        create_doc(
            developer=developer, owner=Owner("agent", UUID(agent)), values={"title": str(number), "content": ["c"]}
        )
    model_coverage.register_model("other")
    assert not model_coverage.cover_model("other")
    DocEmbedding.objects.filter(model="other").earliest("doc_id").delete()
    assert not model_coverage.cover_model("other"), "one is missing"
    assert not model_coverage.cover_model("other")
    assert model_coverage.cover_model("other")
    assert DocEmbedding.objects.filter(model="other").count() == 3


@pytest.mark.django_db(transaction=True)
def test_docs_are_stored_while_the_last_ones_are_looked_for(developer: Developer, agent: str) -> None:
    model_coverage.register_model("other")
    stored: list[Doc] = []

    def store() -> None:
        try:
            owner = Owner("agent", UUID(agent))
            stored.append(create_doc(developer=developer, owner=owner, values={"title": "t", "content": ["c"]}))
        finally:
            connection.close()

    def meanwhile(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        if "covered_at" in statement:
            thread = threading.Thread(target=store)
            thread.start()
            thread.join(20)
        return execute(statement, params, many, context)

    with connection.execute_wrapper(meanwhile):
        assert model_coverage.cover_model("other")
    assert len(stored) == 1
    assert DocEmbedding.objects.filter(model="other", doc=stored[0]).exists()


@pytest.mark.django_db(transaction=True)
def test_a_doc_that_takes_long_to_store_is_not_waited_for_long(developer: Developer, agent: str) -> None:
    """The others that are stored meanwhile would have to wait as well."""
    model_coverage.register_model("other")
    begun, go_on = threading.Event(), threading.Event()

    def store() -> None:
        try:
            with transaction.atomic():
                model_coverage.hold_models()
                begun.set()
                go_on.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=store)
    thread.start()
    assert begun.wait(20)
    try:
        assert not model_coverage.cover_model("other")
        assert EmbeddingModel.objects.get(name="other").covered_at is None
    finally:
        go_on.set()
        thread.join(20)
    assert model_coverage.cover_model("other")


def blocks_read(run: Callable[[], object]) -> int:
    """Pages of tables and indexes that the statements of a call looked at."""
    pages = 0

    def explained(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal pages
        if "docs_store_docembedding" in statement:
            with transaction.atomic():
                point = transaction.savepoint()
                execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", params, many, context)
                (plan,) = context["cursor"].fetchone()
                transaction.savepoint_rollback(point)
            top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
            pages += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return execute(statement, params, many, context)

    with connection.execute_wrapper(explained):
        run()
    return pages


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_thousand_due_docs_of_one_tenant_cost_the_others_nothing(rung: Rung) -> None:
    much, little = tenant("much"), tenant("little")
    waiting(much, 200_000, since_s=1000, chunks=0)
    waiting(little, 3)
    with connection.cursor() as cursor:
        # What the server has found out of itself of these tables depends on when it looked.
        cursor.execute("ANALYZE docs_store_docembedding, docs_store_doc, docs_store_chunk")
    owner = Owner("agent", little.pk)
    developer = Developer.objects.get(pk=little.developer_id)
    values = {"title": "new", "content": ["c"]}

    claims: list[embedding_queue.ClaimedDoc | None] = []
    assert blocks_read(embedding_queue.QUEUED.ring_due) < 1000
    assert rung_of(rung, little) == 3
    assert blocks_read(lambda: create_doc(developer=developer, owner=owner, values=values)) < 200
    first = Doc.objects.filter(agent=little).first()
    assert first is not None
    assert blocks_read(lambda: claims.append(embedding_queue.claim(doc_id=first.pk, lanes=8))) < 500
    assert [len(claim.docs) for claim in claims if claim] == [4]
