"""How docs get their vectors: batches, retries, dead workers, several models."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from agents.models import Agent, Developer, Project
from docs_store import celery_tasks, embedding_queue, keepers
from docs_store.embedding import embed_claimed, embed_due
from docs_store.models import Doc, DocEmbedding, Embedding, EmbeddingModel
from docs_store.owners import Owner
from docs_store.services import create_doc
from julep_project.core.errors import ModelNotUsable, ModelRefused, ModelUnavailable, RateLimited
from julep_project.core.work import rings
from tests.api_client import ApiClient
from tests.docs_store.known_vectors import KnownVectors
from tests.work.clock import pass_time

Store = Callable[..., str]


def _states(model: str = "offline/hashing") -> dict[str, str]:
    return {row.doc.title: row.state for row in DocEmbedding.objects.filter(model=model).select_related("doc")}


def _row(doc_id: str) -> DocEmbedding:
    return DocEmbedding.objects.get(doc=doc_id)


def _pass_time(seconds: int) -> None:
    pass_time(DocEmbedding, seconds)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of docs a message was sent for."""
    sent: list[str] = []
    monkeypatch.setattr(rings, "ring", lambda task, doc_id: sent.append(str(doc_id)))
    return sent


def test_a_stored_doc_is_rung_for_after_commit(
    doc: Store, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        doc_id = doc("a")
    assert rung == []
    for callback in callbacks:
        callback()
    assert rung == [doc_id]


def test_chunks_are_embedded_in_batches(doc: Store, model: KnownVectors) -> None:
    texts = [f"chunk {number}" for number in range(150)]
    doc(texts, (1, 0, 0))
    assert [len(asked) for _, asked in model.calls] == [64, 64, 22]
    assert [text for _, asked in model.calls for text in asked] == texts
    assert {name for name, _ in model.calls} == {"offline/hashing"}
    assert Embedding.objects.count() == 150


def test_short_docs_share_a_call(doc: Store, model: KnownVectors) -> None:
    ids = [doc(f"doc {number}") for number in range(40)]
    assert embed_due(doc_id=UUID(ids[20])) == 32
    assert [len(asked) for _, asked in model.calls] == [32]
    assert "doc 20" in model.calls[0][1]
    assert embed_due() == 8
    assert set(_states().values()) == {"ready"}


def test_tenants_do_not_share_a_call(doc: Store, model: KnownVectors, stranger: Developer) -> None:
    doc("mine")
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    agent = Agent.objects.create(developer=stranger, project=project, name="a", canonical_name="a")
    create_doc(developer=stranger, owner=Owner("agent", agent.pk), values={"title": "theirs", "content": ["theirs"]})
    embed_due()
    assert sorted(asked for _, asked in model.calls) == [["mine"], ["theirs"]]


def test_title_and_instruction_stand_before_each_chunk(
    api: ApiClient, agent: str, model: KnownVectors, settings: Any
) -> None:
    for instruction, content in (("Passage:", ["a", "b"]), ("Text:\n", ["c"]), ("", ["d"])):
        body = {"title": "t", "content": content, "embed_instruction": instruction}
        assert api.post(f"/agents/{agent}/docs", body).status_code == 201
    embed_due()
    assert sorted(model.asked) == ["Passage: t\n\na", "Passage: t\n\nb", "Text:\nt\n\nc", "t\n\nd"]
    settings.EMBEDDING_PASSAGE_INSTRUCTION = "passage:"
    model.asked.clear()
    for instruction, content in (("Own:", ["e"]), (None, ["f"])):
        api.post(f"/agents/{agent}/docs", {"title": "t", "content": content, "embed_instruction": instruction})
    embed_due()
    assert sorted(model.asked) == ["Own: t\n\ne", "passage: t\n\nf"]


def test_embedding_twice_changes_nothing(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a", (1, 0, 0))
    before = list(Embedding.objects.values_list("pk", flat=True))
    assert embed_due(doc_id=UUID(doc_id)) == embed_due() == 0
    assert list(Embedding.objects.values_list("pk", flat=True)) == before
    assert len(model.calls) == 1


def test_what_may_pass_is_tried_again_with_growing_pauses(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a")
    pauses = []
    for attempt in range(1, 12):
        model.errors = [ModelUnavailable("overloaded")]
        assert embed_due() == 1
        row = _row(doc_id)
        assert (row.state, row.attempts, row.error, row.lease_until) == ("pending", attempt, "overloaded", None)
        assert embed_due() == 0
        pauses.append(_seconds_until_due(doc_id))
        _pass_time(301)
    longest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all(most // 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    model.errors = [ModelUnavailable("overloaded")]
    embed_due()
    assert _row(doc_id).state == "failed"


def test_a_provider_that_wants_to_be_asked_later_uses_up_no_attempts(doc: Store, model: KnownVectors) -> None:
    ids = [doc("a"), doc("b")]
    for _ in range(embedding_queue.MAX_ATTEMPTS + 3):
        model.errors = [RateLimited("slow down", wait_s=100)]
        assert embed_due() == 2
        for doc_id in ids:
            assert (_row(doc_id).state, _row(doc_id).attempts, _row(doc_id).error) == ("pending", 0, "slow down")
            assert 100 <= _seconds_until_due(doc_id) <= 150
        _pass_time(151)
    embed_due()
    assert set(_states().values()) == {"ready"}


def test_what_failed_has_another_attempt_every_hour(doc: Store, model: KnownVectors, rung: list[str]) -> None:
    doc_id = doc("a")
    model.refused = {"a": ModelRefused("not like this")}
    embed_due()
    assert (_row(doc_id).state, _seconds_until_due(doc_id)) == ("failed", 3600)
    _pass_time(3590)
    keepers.sweep()
    assert (_row(doc_id).state, rung) == ("failed", [])
    _pass_time(11)
    keepers.sweep()
    assert (_row(doc_id).state, rung) == ("pending", [doc_id])
    model.errors = [ModelUnavailable("overloaded")]
    embed_due()
    assert (_row(doc_id).state, _seconds_until_due(doc_id)) == ("failed", 3600)
    model.refused = {}
    _pass_time(3601)
    keepers.sweep()
    embed_due()
    assert (_row(doc_id).state, _row(doc_id).error) == ("ready", "")


def test_few_of_many_failed_docs_are_revived_at_once(doc: Store, model: KnownVectors, rung: list[str]) -> None:
    for number in range(22):
        doc(f"doc {number}")
    DocEmbedding.objects.update(state="failed")
    keepers.sweep()
    assert sorted(_states().values()) == ["failed"] * 2 + ["pending"] * 20


@pytest.mark.parametrize("error", [ModelNotUsable("no such key"), ModelUnavailable("away")])
def test_a_configuration_that_is_mended(doc: Store, model: KnownVectors, error: Exception) -> None:
    ids = [doc("a"), doc("b")]
    model.errors = [error]
    embed_due()
    assert [(_row(doc_id).state, _seconds_until_due(doc_id) <= 1) for doc_id in ids] == [("pending", True)] * 2
    assert len(model.calls) == 1, "no doc is to blame, so they are not tried one by one"
    _pass_time(2)
    embed_due()
    assert set(_states().values()) == {"ready"}


def _seconds_until_due(doc_id: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT round(extract(epoch FROM due_at - now())) FROM docs_store_docembedding WHERE doc_id = %s", [doc_id]
        )
        return int(cursor.fetchone()[0])


def test_it_goes_on_where_it_failed(doc: Store, model: KnownVectors) -> None:
    texts = [f"chunk {number}" for number in range(100)]
    doc_id = doc(texts)
    model.refused = {"chunk 99": ModelUnavailable()}
    embed_due()
    assert (Embedding.objects.count(), _row(doc_id).state) == (64, "pending")
    model.refused = {}
    model.calls.clear()
    _pass_time(2)
    embed_due()
    assert [len(asked) for _, asked in model.calls] == [36]
    assert (Embedding.objects.count(), _row(doc_id).state) == (100, "ready")


def test_attempts_that_stored_vectors_are_not_counted(doc: Store, model: KnownVectors) -> None:
    doc_id = doc([f"chunk {number}" for number in range(100)])
    model.errors = [ModelUnavailable()] * 11
    for _ in range(11):
        embed_due()
        _pass_time(301)
    model.refused = {"chunk 99": ModelUnavailable()}
    embed_due()
    assert (_row(doc_id).state, _row(doc_id).attempts, _seconds_until_due(doc_id) <= 1) == ("pending", 1, True)


def test_what_is_refused_fails_alone(api: ApiClient, doc: Store, model: KnownVectors) -> None:
    for title in ("good", "bad", "better"):
        doc(title)
    model.refused = {"bad": ModelRefused("too long for the model")}
    embed_due()
    assert _states() == {"good": "ready", "bad": "failed", "better": "ready"}
    failed = DocEmbedding.objects.get(state="failed")
    assert failed.error == "too long for the model"
    shown = api.get(f"/docs/{failed.doc_id}").json()
    assert (shown["embedding_state"], shown["embeddings"]) == ("failed", None)


class SlowModel(KnownVectors):
    """Refuses several texts at once; while it looks at one alone, time passes, and then `meanwhile` happens."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def embed(self, developer: Developer, texts: Sequence[str], **options: Any) -> list[list[float]]:
        vectors = super().embed(developer, texts, **options)
        if len(texts) > 1:
            raise ModelRefused("one of them")
        self._meanwhile()
        return vectors


def test_leases_are_kept_while_docs_are_tried_one_by_one(
    doc: Store, model: KnownVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("a", "b", "c"):
        doc(title)
    claimed_meanwhile = []

    def meanwhile() -> None:
        _pass_time(20)
        embedding_queue.LEASES.renewer.renew()
        _pass_time(20)
        claimed_meanwhile.append(embedding_queue.claim())

    SlowModel(meanwhile).install(monkeypatch)
    embed_due()
    assert claimed_meanwhile == [None] * 3
    assert set(_states().values()) == {"ready"}


def test_docs_somebody_else_holds_are_not_asked_for_again(
    doc: Store, model: KnownVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("a", "b", "c"):
        doc(title)
    others = []

    def meanwhile() -> None:
        _pass_time(31)
        while (other := embedding_queue.claim()) is not None:
            others.append(other)

    slow = SlowModel(meanwhile)
    slow.install(monkeypatch)
    claimed = embedding_queue.claim()
    assert claimed is not None
    embed_claimed(claimed)
    assert [len(texts) for _, texts in slow.calls] == [3, 1], "the others are held by somebody else"
    assert (len(others), Embedding.objects.count()) == (3, 0)


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        ([[1.0, 0.0]], "the model did not give one vector of finite numbers for each text"),
        ([[1.0], [1.0, 0.0]], "the model gave vectors of different lengths"),
        ([[float("nan")], [1.0]], "the model did not give one vector of finite numbers for each text"),
        ([1.0, 2.0], "the model did not give one vector of finite numbers for each text"),
    ],
)
def test_answers_that_are_no_vectors(
    doc: Store, monkeypatch: pytest.MonkeyPatch, vectors: Any, error: str, model: KnownVectors
) -> None:
    doc_id = doc(["a", "b"])
    monkeypatch.setattr(model, "embed", lambda *_, **__: vectors)
    model.install(monkeypatch)
    embed_due()
    assert (_row(doc_id).state, _row(doc_id).error) == ("failed", error)
    assert not Embedding.objects.exists()


def test_vectors_of_another_length_than_before(doc: Store, model: KnownVectors) -> None:
    doc("a", (1, 0, 0))
    doc_id = doc("b", (1, 0))
    assert _row(doc_id).error == "the model gave vectors of 2 numbers; those stored have 3"
    assert Embedding.objects.count() == 1


def test_a_bug_is_logged_and_tried_again(doc: Store, model: KnownVectors, caplog: pytest.LogCaptureFixture) -> None:
    doc_id = doc("a")
    model.errors = [ZeroDivisionError()]
    embed_due()
    assert (_row(doc_id).state, _row(doc_id).error) == ("pending", "internal error: ZeroDivisionError")
    assert "embedding raised" in caplog.text


def test_a_doc_in_work_is_not_claimed_again_until_its_lease_has_run_out(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a")
    first = embedding_queue.claim(doc_id=UUID(doc_id))
    assert first is not None and embedding_queue.claim() is None
    _pass_time(31)
    assert embed_due() == 1
    assert _row(doc_id).state == "ready"

    Embedding.objects.all().delete()
    embed_claimed(first)
    assert not Embedding.objects.exists(), "who lost the claim wrote"
    assert _row(doc_id).state == "ready"


def test_the_keeper_renews_only_what_is_held(doc: Store, model: KnownVectors) -> None:
    doc("a")
    claimed = embedding_queue.claim()
    assert claimed is not None
    with embedding_queue.LEASES.holding(*claimed.held):
        DocEmbedding.objects.update(lease_until=None)
        embedding_queue.LEASES.renewer.renew()
        assert DocEmbedding.objects.get().lease_until is not None
        DocEmbedding.objects.update(lease_until=None, version=5)
        embedding_queue.LEASES.renewer.renew()
        assert DocEmbedding.objects.get().lease_until is None


def test_docs_given_back_are_anothers_at_once(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a")
    first = embedding_queue.claim()
    assert first is not None
    assert embedding_queue.claim() is None
    embedding_queue.LEASES.hand_back(first.held)
    assert not embedding_queue.LEASES.is_held(first.held)
    second = embedding_queue.claim(doc_id=doc_id)
    assert second is not None
    assert second.attempt == 1


def test_a_doc_that_kills_its_worker_every_time_fails(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a")
    for _ in range(12):
        assert embedding_queue.claim() is not None
        _pass_time(31)
    embed_due()
    assert (_row(doc_id).state, model.calls) == ("failed", [])
    assert "the worker was lost" in _row(doc_id).error


def test_a_doc_deleted_meanwhile(doc: Store, model: KnownVectors) -> None:
    doc("a")
    claimed = embedding_queue.claim()
    assert claimed is not None
    Doc.objects.all().delete()
    embed_claimed(claimed)
    assert not Embedding.objects.exists()


def test_the_sweep_rings_for_what_nobody_looks_at(doc: Store, model: KnownVectors, rung: list[str]) -> None:
    ids = [doc("a"), doc("b")]
    keepers.sweep()
    assert rung == []
    _pass_time(6)
    keepers.sweep()
    keepers.sweep()
    assert sorted(rung) == sorted(ids)
    embed_due()
    _pass_time(60)
    keepers.sweep()
    assert len(rung) == 2


def test_the_celery_task_embeds(doc: Store, model: KnownVectors) -> None:
    doc_id = doc("a")
    celery_tasks.embed_chunks(doc_id)
    assert _row(doc_id).state == "ready"


def test_a_changed_setting_embeds_everything_again(
    api: ApiClient, doc: Store, model: KnownVectors, settings: Any
) -> None:
    old = doc("a", (1, 0, 0))
    settings.EMBEDDING_MODEL = "other/model"
    assert api.get(f"/docs/{old}").json()["embedding_state"] == "pending"
    keepers.sweep()
    assert EmbeddingModel.objects.get(name="other/model").covered_at is None
    keepers.sweep()
    assert EmbeddingModel.objects.get(name="other/model").covered_at is not None
    embed_due()
    assert api.get(f"/docs/{old}").json()["embedding_state"] == "ready"
    assert sorted(Embedding.objects.values_list("model", flat=True)) == ["offline/hashing", "other/model"]
